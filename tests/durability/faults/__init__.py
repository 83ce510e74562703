"""One fault of the storage at a time, somewhere in the life of a picture: nothing lost, nothing
leaked, nothing stuck, and no verdict on a file that was weather."""
