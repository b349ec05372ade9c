"""What can be done with finished files: merging, resizing, extracting, converting, looking into them."""
