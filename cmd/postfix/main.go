package main

import (
	"yubin/internal/cli"
	"yubin/internal/postfix"
)

func main() { cli.Main(postfix.Command) }
