"""A photo gallery: what an adopter writes to take photos in, show them and take them back."""
