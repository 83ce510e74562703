"""A site as an adopter runs it, in processes of its own that export their spans to files."""
