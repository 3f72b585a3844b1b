// Package durable puts files and the names of files on stable storage. It is
// the only place that does, so that one flush can serve everybody who waits.
//
// Callers that wait at the same time share a flush (group commit): the first
// becomes the leader and flushes for all that have gathered, then hands over to
// one of those who came meanwhile. On a file system whose syncfs(2) flushes
// names and bytes and reports lost writes (ext4 and xfs on Linux 5.8 and later)
// the shared flush is one syncfs. Where one fsync does what is needed, after a shared
// flush that took longer than flush_slow because the file system had other
// people's data to write, and on all other file systems (NFS, btrfs, tmpfs), every
// file and directory is fsynced; where a journal holds all changes in their
// order (xfs, and ext4 unless it was made without one), the fsync of a file
// covers its name as well (docs/decisions/0006).
//
// A failed flush proves nothing and is never repeated as proof. When a shared
// flush fails, each file is fsynced alone, once, through the descriptor that
// was open all the time (the kernel reports a lost write once to each such
// descriptor); those that fail stay failed, and their owner must not write to
// them again.
//
// The package starts goroutines only within a call, and waits for them. It never
// opens a file by its path.
package durable
