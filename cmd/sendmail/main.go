package main

import (
	"yubin/internal/cli"
	"yubin/internal/submit"
)

func main() { cli.Main(submit.Command) }
