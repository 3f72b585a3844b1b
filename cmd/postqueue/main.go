package main

import (
	"yubin/internal/cli"
	"yubin/internal/postqueue"
)

func main() { cli.Main(postqueue.Command) }
