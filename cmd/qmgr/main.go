package main

import (
	"yubin/internal/cli"
	"yubin/internal/qmgr"
)

func main() { cli.Main(qmgr.Command) }
