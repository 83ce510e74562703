"""A visitor without a browser: uploads photos over HTTP and tells what became of them."""
