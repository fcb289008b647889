"""`python -m cloudbase_auth_async.testing`: see `--help`."""

import sys

from cloudbase_auth_async.testing._cli import main

if __name__ == "__main__":
    sys.exit(main())
