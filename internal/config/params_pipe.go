package config

// DefaultDatabaseType is the type of tables that are named without one.
var DefaultDatabaseType = str("default_database_type", "hash", `
	The type of a lookup table that postmap(1) and postalias(1) are given without one.`)
