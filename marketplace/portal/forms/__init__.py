"""What creators type and upload: `rows` are the single forms, `publication` the publish form, `previous` its start."""
