"""Backup and restore of a whole site: database, clips and secret key in one file.

`backup_file` knows the file, `rows` carries the rows of one kind of database to another, `making` and
`restoring` do the work of the two commands.
"""
