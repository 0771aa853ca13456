"""What only JupyterLab shows: the live view and the playgrounds."""
