"""What holds for every test: how Hypothesis searches."""

import os

from hypothesis import settings

# A busy machine is no failure. In CI the search is the same each time: a commit is judged by
# what it changed; on a developer's machine each run looks somewhere new.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
