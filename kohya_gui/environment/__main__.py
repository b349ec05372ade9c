"""`python -m kohya_gui.environment`: brings the environment up to date and does nothing else. Parses on Python 3.7."""
import sys

from kohya_gui.environment.ensure import main

sys.exit(main())
