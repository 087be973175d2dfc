import unittest

from orderdesk_plugin.testing import FakeHost, call
from plugin import plugin


def item(code, price, quantity):
    return {"code": code, "price": price, "quantity": quantity}


class Margins(unittest.TestCase):
    def test_prices_are_held_against_costs_and_what_has_none_is_told(self):
        orders = [{"order_items": [item("CUP", "10.00", 3), item("OLD", 5, 1)]}, {"order_items": [item("CUP", 9.5, 1)]}]
        products = [{"code": "CUP", "cost": "4.10"}, {"code": "OLD", "cost": "0"}]
        host = FakeHost(
            peers={
                "orders_list": lambda arguments: {"orders": orders},
                "products_list": lambda arguments: {"products": products},
            }
        )
        report = call(plugin, host, "margin_report", {"folder_name": "Shipped"})
        self.assertEqual(
            report,
            {"orders": 2, "revenue": "39.50", "cost": "16.40", "margin_percent": 58.5, "without_cost": ["OLD"]},
        )
        self.assertEqual(host.calls[1][1]["code"], ["CUP", "OLD"])

    def test_a_folder_without_orders_has_no_margin(self):
        host = FakeHost(peers={"orders_list": lambda arguments: {"orders": []}})
        self.assertIsNone(call(plugin, host, "margin_report", {"folder_name": "New"})["margin_percent"])
