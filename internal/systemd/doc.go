// Package systemd speaks with the service manager, without a library of its:
// sd_notify(3), by which a program says how it fares and leaves descriptors in
// the manager's keeping, and sd_listen_fds(3), by which it is handed descriptors
// at start. Both are documented protocols that other managers speak too.
//
// Both take their variables out of the environment, so that no child takes
// them for its own. The package reads nothing from the manager but that
// environment.
package systemd
