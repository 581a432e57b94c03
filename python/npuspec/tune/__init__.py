"""Try advice on the user's own model: which precision, batch, buckets and settings hold what is said of them."""
