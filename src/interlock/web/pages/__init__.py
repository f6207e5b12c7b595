"""The pages on which people decide, made here from what the kit reads; they work without a script as well."""
