"""A store in one table of Amazon DynamoDB, with an S3 bucket for what is large."""
