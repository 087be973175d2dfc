import unittest

from orderdesk_plugin import ToolError
from orderdesk_plugin.testing import FakeHost, call
from plugin import plugin


class Hello(unittest.TestCase):
    def test_somebody_is_greeted(self):
        answer = call(plugin, FakeHost(), "{{word}}_hello", {"person": "Ada"})
        self.assertEqual(answer, {"greeting": "Hello, Ada!"})

    def test_nobody_is_an_error_that_says_what_to_do(self):
        with self.assertRaises(ToolError) as raised:
            call(plugin, FakeHost(), "{{word}}_hello", {"person": " "})
        self.assertEqual(raised.exception.code, "nobody")
