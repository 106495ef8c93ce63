"""A workspace with runs that are written down, as the tests of the database have it."""

from tests.db.conftest import workspace as workspace
