package main

import (
	"yubin/internal/cli"
	"yubin/internal/postmap"
)

func main() { cli.Main(postmap.Alias) }
