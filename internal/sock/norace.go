//go:build !race

package sock

func departs() {}

func arrived() {}
