"""Three JPEG outputs of each photo, made by the library and by everybody else, in the same run."""
