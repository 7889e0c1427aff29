"""The option tables of the verbs that have actions, a file each: read in only for their own verb."""
