//! Rules of this repository that no compiler checks, and what the documentation says of the code. Reads files only:
//! starts nothing, writes nothing, and needs neither a Swarm nor git.

#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/doors.rs"]
mod doors;
#[path = "tidy/reference.rs"]
mod reference;
#[path = "tidy/tree.rs"]
mod tree;
