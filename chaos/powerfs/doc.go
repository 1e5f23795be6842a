// Package powerfs is a disk in memory whose power can be cut, mounted as a
// file system for the program under test.
//
// What a program wrote is at first volatile. An fsync of a file makes its bytes
// and its size durable; an fsync of a directory makes its entries durable. A
// cut keeps all that is durable and leaves the rest to chance:
//   - each sector of 512 bytes that was written since the last fsync of its
//     file holds what it held at that fsync, or after any of the writes to it,
//     whatever other sectors hold; so writes are lost, torn and reordered;
//   - a file that grew has any of the sizes it had since then, with zeros where
//     no sector landed;
//   - a file that was cut short is so on disk or not; if not, it has its old
//     bytes and none of those written later in the place of what was cut off.
//     Of several such cuts those that are on disk come before those that are
//     not, as a journal keeps them;
//   - each entry that was made, removed or renamed since the last fsync of its
//     directory is there or not. A rename happens wholly or not at all, unless
//     one of two directories was fsynced.
//
// So a file that was fsynced vanishes when its directory was not. Modes and
// times are kept as they are. There are no links, no special files, no extended
// attributes. Locks and shared mappings are the kernel's, as for any mounted
// file system.
package powerfs
