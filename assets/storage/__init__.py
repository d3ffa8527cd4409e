"""Where blobs live, behind one port."""
