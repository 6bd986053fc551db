"""Photo projects: images, their versions, styles, and the model that enhances them."""
