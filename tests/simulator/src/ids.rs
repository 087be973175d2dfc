//! The ids that a store gives out.

/// The next ids of a store. Each store has a range of its own, so that an order id belongs to one store.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    order: u64,
    item: u64,
    shipment: u64,
    inventory: u64,
}

impl Ids {
    pub(crate) fn of_store(store_id: u64) -> Self {
        Self {
            order: store_id * 100_000,
            item: store_id * 1_000_000,
            shipment: store_id * 1_000,
            inventory: store_id * 10_000,
        }
    }

    pub(crate) fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    pub(crate) fn next_item(&mut self) -> u64 {
        self.item += 1;
        self.item
    }

    pub(crate) fn next_shipment(&mut self) -> u64 {
        self.shipment += 1;
        self.shipment
    }

    pub(crate) fn next_inventory(&mut self) -> u64 {
        self.inventory += 1;
        self.inventory
    }
}
