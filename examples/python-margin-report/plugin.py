"""What orders earned: their items' prices against what the products cost."""

from decimal import Decimal

from orderdesk_plugin import Plugin

STORE = {"type": ["string", "integer"], "description": "The store's id or name; default the active one.", "optional": True}

plugin = Plugin(
    "margin",
    "0.1.0",
    description="Tells what orders earned.",
    wishes=[('tools = ["orders_list", "products_list"]', "to hold the orders' prices against the products' costs")],
)


@plugin.tool(
    title="Margins of a folder",
    description='Tells what the newest orders of a folder earned, 200 at most. Example: {"folder_name": "Shipped"}.',
    read_only=True,
    input={"folder_name": {"type": "string", "description": "Folder's exact name."}, "store_identifier": STORE},
    output={
        "orders": {"type": "integer"},
        "revenue": {"type": "string"},
        "cost": {"type": "string"},
        "margin_percent": {"type": ["number", "null"]},
        "without_cost": {"type": "array", "items": {"type": "string"}, "description": "Codes left out: their cost is unknown."},
    },
)
def margin_report(context, folder_name, store_identifier=None):
    where = {} if store_identifier is None else {"store_identifier": store_identifier}
    fields = ["order_items.code", "order_items.price", "order_items.quantity"]
    orders = context.peers.call("orders_list", folder_name=folder_name, limit=200, fields=fields, **where)["orders"]
    items = [item for order in orders for item in order.get("order_items", [])]
    costs = _costs(context, sorted({item["code"] for item in items if item.get("code")}), where)
    revenue = cost = Decimal(0)
    without = set()
    for item in items:
        if item.get("code") in costs:
            revenue += Decimal(str(item["price"])) * int(item["quantity"])
            cost += costs[item["code"]] * int(item["quantity"])
        else:
            without.add(item.get("code") or "(no code)")
    return {
        "orders": len(orders),
        "revenue": f"{revenue:.2f}",
        "cost": f"{cost:.2f}",
        "margin_percent": round(float((revenue - cost) / revenue * 100), 1) if revenue else None,
        "without_cost": sorted(without),
    }


def _costs(context, codes, where):
    costs = {}
    for at in range(0, len(codes), 100):
        found = context.peers.call("products_list", code=codes[at : at + 100], limit=500, fields=["code", "cost"], **where)
        costs |= {it["code"]: Decimal(str(it["cost"])) for it in found["products"] if Decimal(str(it.get("cost") or 0))}
    return costs
