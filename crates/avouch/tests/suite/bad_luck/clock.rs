//! A clock that is wrong: nothing is removed by it, what was acknowledged stays, and the service says so.
