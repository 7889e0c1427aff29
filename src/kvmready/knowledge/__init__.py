"""What is known of the causes of a failure: their catalogue, their symptoms and their explanations."""
