"""Everyday programs"""

from collections import Counter, deque


def packs_to_order(stock: dict[str, int], minimum: dict[str, int], pack_size: dict[str, int]) -> dict[str, int]:
    """A hardware shop reorders whatever has fallen below its minimum, in whole packs only, as few as bring it up to the
    minimum again. An article without a pack size comes singly, and one that is not in stock at all counts as 0. Return
    the packs to order by article, without zeros.

    >>> packs_to_order({"nails": 130, "hooks": 9}, {"nails": 500, "hooks": 5}, {"nails": 100})
    {'nails': 4}
    >>> packs_to_order({}, {"glue": 3}, {})
    {'glue': 3}
    """
    orders = {}
    for article, wanted in minimum.items():
        missing = wanted - stock.get(article, 0)
        if missing > 0:
            # Dividing the negative number rounds away from zero: as many packs as cover the rest too.
            orders[article] = -(-missing // pack_size.get(article, 1))
    return orders


def test_packs_to_order() -> None:
    assert packs_to_order({"nails": 130}, {"nails": 500}, {"nails": 100}) == {"nails": 4}
    assert packs_to_order({"nails": 100}, {"nails": 500}, {"nails": 100}) == {"nails": 4}
    assert packs_to_order({"nails": 99}, {"nails": 500}, {"nails": 100}) == {"nails": 5}
    assert packs_to_order({"a": 2, "b": 2}, {"a": 2, "b": 3}, {"b": 9}) == {"b": 1}
    assert packs_to_order({"a": 2}, {}, {"a": 4}) == {}


def count_differences(book: dict[str, int], counted: list[tuple[str, int]]) -> dict[str, tuple[int, int]]:
    """At the yearly stock-taking people walk along the shelves and note (article, pieces); an article that lies in
    several places is noted several times. Compare with the book: return, in alphabetical order, all articles whose sum
    differs, with (pieces in the book, pieces found).

    >>> count_differences({"cup": 12, "jug": 3}, [("cup", 5), ("cup", 6), ("jug", 3)])
    {'cup': (12, 11)}
    >>> count_differences({"jug": 1}, [("pan", 2)])
    {'jug': (1, 0), 'pan': (0, 2)}
    """
    found: Counter[str] = Counter()
    for article, pieces in counted:
        found[article] += pieces
    articles = sorted(book.keys() | found.keys())
    pairs = {article: (book.get(article, 0), found[article]) for article in articles}
    return {article: pair for article, pair in pairs.items() if pair[0] != pair[1]}


def test_count_differences() -> None:
    assert count_differences({"cup": 12, "jug": 3}, [("cup", 5), ("jug", 3), ("cup", 7)]) == {}
    assert list(count_differences({"z": 1, "a": 1}, [])) == ["a", "z"]
    assert count_differences({"z": 1}, [("z", 2), ("z", 2)]) == {"z": (1, 4)}
    assert count_differences({}, [("new", 0)]) == {}
    assert count_differences({"old": 0}, [("new", 7)]) == {"new": (0, 7)}


def picking_walk(places: list[str]) -> list[str]:
    """A picker walks through a warehouse like a snake: up the first aisle that holds something, down the next, up the
    one after it. Places are written as aisle-bay, such as "C-12". Aisles go by the alphabet, bays by number. Bring the
    places of an order into the order of the walk; a place that is asked for twice is visited once.

    >>> picking_walk(["B-3", "A-10", "A-9", "B-20"])
    ['A-9', 'A-10', 'B-20', 'B-3']
    >>> picking_walk(["D-1", "F-2", "F-7", "D-1"])
    ['D-1', 'F-7', 'F-2']
    """
    bays: dict[str, set[int]] = {}
    for place in places:
        aisle, bay = place.split("-")
        bays.setdefault(aisle, set()).add(int(bay))
    walk = []
    # Only aisles that are walked change the direction, so they are counted, not read from their letters.
    for number, aisle in enumerate(sorted(bays)):
        walk += [f"{aisle}-{bay}" for bay in sorted(bays[aisle], reverse=number % 2 == 1)]
    return walk


def test_picking_walk() -> None:
    assert picking_walk(["B-3", "A-10", "A-9", "B-20"]) == ["A-9", "A-10", "B-20", "B-3"]
    assert picking_walk(["C-1", "C-2", "A-1", "E-2", "E-1"]) == ["A-1", "C-2", "C-1", "E-1", "E-2"]
    assert picking_walk(["B-5", "B-4"]) == ["B-4", "B-5"]
    assert picking_walk(["A-1", "A-1"]) == ["A-1"]
    assert picking_walk([]) == []


def ship_oldest(batches: list[tuple[str, int]], wanted: int) -> list[tuple[str, int]]:
    """A dairy ships what expires first. Batches are (best before, pieces), days as "YYYY-MM-DD", in any order. Say how
    many pieces to take from which batches, the earliest day first, to get exactly `wanted` pieces. If there are not
    enough, nothing is shipped at all: raise a ValueError that says how many are missing.

    >>> ship_oldest([("2024-06-20", 50), ("2024-06-11", 30)], 40)
    [('2024-06-11', 30), ('2024-06-20', 10)]
    >>> ship_oldest([("2024-06-20", 50)], 50)
    [('2024-06-20', 50)]
    """
    missing = wanted - sum(pieces for _, pieces in batches)
    if missing > 0:
        raise ValueError(f"{missing} pieces are missing")
    shipped = []
    for day, pieces in sorted(batches):
        taken = min(pieces, wanted)
        if taken:
            shipped.append((day, taken))
        wanted -= taken
    return shipped


def test_ship_oldest() -> None:
    stock = [("2024-06-20", 50), ("2024-06-11", 30), ("2024-07-01", 5)]
    assert ship_oldest(stock, 30) == [("2024-06-11", 30)]
    assert ship_oldest(stock, 31) == [("2024-06-11", 30), ("2024-06-20", 1)]
    assert ship_oldest(stock, 85) == [("2024-06-11", 30), ("2024-06-20", 50), ("2024-07-01", 5)]
    assert ship_oldest(stock, 0) == []
    try:
        ship_oldest(stock, 88)
    except ValueError as error:
        message = str(error)
    else:
        raise AssertionError("expected ValueError")
    assert message.startswith("3 pieces")


def cost_of_sales(events: list[tuple[str, int, int]]) -> list[int]:
    """A coffee trader buys sacks at changing prices, and for the tax office the sacks bought first count as sold first.
    Events are ("buy", sacks, price of a sack) and ("sell", sacks, 0). Return what the sacks of each sale had cost when
    they were bought. There are always enough sacks.

    >>> cost_of_sales([("buy", 10, 5), ("buy", 10, 7), ("sell", 12, 0)])
    [64]
    >>> cost_of_sales([("buy", 3, 5), ("sell", 1, 0), ("sell", 2, 0)])
    [5, 10]
    """
    store: deque[tuple[int, int]] = deque()
    costs = []
    for kind, sacks, price in events:
        if kind == "buy":
            store.append((sacks, price))
            continue
        cost = 0
        while sacks:
            oldest, bought_at = store.popleft()
            taken = min(oldest, sacks)
            cost += taken * bought_at
            sacks -= taken
            if oldest > taken:
                store.appendleft((oldest - taken, bought_at))
        costs.append(cost)
    return costs


def test_cost_of_sales() -> None:
    assert cost_of_sales([("buy", 10, 5), ("buy", 10, 7), ("sell", 12, 0)]) == [64]
    assert cost_of_sales([("buy", 10, 5), ("sell", 4, 0), ("buy", 10, 7), ("sell", 7, 0)]) == [20, 37]
    assert cost_of_sales([("buy", 1, 1), ("buy", 1, 2), ("buy", 1, 4), ("sell", 3, 0)]) == [7]
    assert cost_of_sales([("buy", 2, 9), ("sell", 1, 0), ("sell", 1, 0)]) == [9, 9]
    assert cost_of_sales([("buy", 2, 9)]) == []


def shelf_classes(turnover: dict[str, int]) -> dict[str, str]:
    """Goods that sell best should lie nearest to the door. Sort articles by turnover, the largest first (equal ones by
    name). An article is of class "A" if those before it make up less than 70 percent of the whole turnover, otherwise
    "B" if those before it make up less than 90 percent, and otherwise "C". Return the class of each article, best
    first.

    >>> shelf_classes({"tea": 15, "coffee": 80, "salt": 5})
    {'coffee': 'A', 'tea': 'B', 'salt': 'C'}
    >>> shelf_classes({"tea": 10, "coffee": 10})
    {'coffee': 'A', 'tea': 'A'}
    """
    total = sum(turnover.values())
    before = 0
    classes = {}
    for article in sorted(turnover, key=lambda name: (-turnover[name], name)):
        # Whole numbers on both sides: no rounding error can move an article at the border.
        classes[article] = "A" if before * 100 < 70 * total else "B" if before * 100 < 90 * total else "C"
        before += turnover[article]
    return classes


def test_shelf_classes() -> None:
    assert shelf_classes({"tea": 15, "coffee": 80, "salt": 5}) == {"coffee": "A", "tea": "B", "salt": "C"}
    assert shelf_classes({"a": 70, "b": 20, "c": 10}) == {"a": "A", "b": "B", "c": "C"}
    assert shelf_classes({"a": 69, "b": 20, "c": 11}) == {"a": "A", "b": "A", "c": "B"}
    assert shelf_classes({"a": 6999, "b": 2000, "c": 1001}) == {"a": "A", "b": "A", "c": "B"}
    assert list(shelf_classes({"q": 1, "p": 1, "z": 3})) == ["z", "p", "q"]
    assert shelf_classes({}) == {}


def parts_needed(lists: dict[str, dict[str, int]], product: str, pieces: int = 1) -> dict[str, int]:
    """A bicycle is made of wheels, a wheel of spokes. `lists` gives for each thing that is put together its parts and
    how many of each it takes; whatever has no list is bought. Return how many of each bought part are needed for so
    many pieces of a product, by name in alphabetical order.

    >>> parts_needed({"bike": {"wheel": 2, "bell": 1}, "wheel": {"spoke": 32, "rim": 1}}, "bike")
    {'bell': 1, 'rim': 2, 'spoke': 64}
    >>> parts_needed({}, "bell", 5)
    {'bell': 5}
    """
    if product not in lists:
        return {product: pieces}
    total: Counter[str] = Counter()
    for part, each in lists[product].items():
        total.update(parts_needed(lists, part, each * pieces))
    return dict(sorted(total.items()))


def test_parts_needed() -> None:
    lists = {"bike": {"wheel": 2, "bell": 1}, "wheel": {"spoke": 32, "rim": 1}, "trike": {"bike": 1, "wheel": 1}}
    assert parts_needed(lists, "bike") == {"bell": 1, "rim": 2, "spoke": 64}
    assert list(parts_needed(lists, "bike")) == ["bell", "rim", "spoke"]
    assert parts_needed(lists, "trike", 2) == {"bell": 2, "rim": 6, "spoke": 192}
    assert parts_needed(lists, "bell", 5) == {"bell": 5}
    assert parts_needed({"box": {}}, "box") == {}


class StockRoom:
    """An online shop promises goods before it sends them. `receive(article, n)` adds pieces, `reserve(order, article,
    n)` sets pieces aside for an order and tells whether there were enough, `ship(order)` sends all that was set aside
    for it and returns that as a dictionary, and `cancel(order)` puts it back. `free(article)` is what can still be
    promised, and `shelf[article]` what lies on the shelf.

    >>> room = StockRoom()
    >>> room.receive("lamp", 5)
    >>> room.reserve("#1", "lamp", 3), room.reserve("#2", "lamp", 3)
    (True, False)
    >>> room.free("lamp"), room.shelf["lamp"]
    (2, 5)
    >>> room.ship("#1"), room.shelf["lamp"]
    ({'lamp': 3}, 2)
    """

    def __init__(self) -> None:
        self.shelf: Counter[str] = Counter()
        self.reserved: dict[str, Counter[str]] = {}

    def receive(self, article: str, count: int) -> None:
        self.shelf[article] += count

    def free(self, article: str) -> int:
        return self.shelf[article] - sum(goods[article] for goods in self.reserved.values())

    def reserve(self, order: str, article: str, count: int) -> bool:
        if self.free(article) < count:
            return False
        self.reserved.setdefault(order, Counter())[article] += count
        return True

    def ship(self, order: str) -> dict[str, int]:
        goods = self.reserved.pop(order, Counter())
        self.shelf.subtract(goods)
        return dict(goods)

    def cancel(self, order: str) -> None:
        self.reserved.pop(order, None)


def test_StockRoom() -> None:
    room = StockRoom()
    assert (room.free("lamp"), room.reserve("#0", "lamp", 1)) == (0, False)
    room.receive("lamp", 4)
    room.receive("rug", 1)
    assert room.reserve("#1", "lamp", 3) and room.reserve("#1", "lamp", 1) and room.reserve("#1", "rug", 1)
    assert (room.free("lamp"), room.shelf["lamp"], room.reserve("#2", "lamp", 1)) == (0, 4, False)
    assert room.ship("#1") == {"lamp": 4, "rug": 1}
    assert (room.shelf["lamp"], room.free("rug"), room.ship("#1")) == (0, 0, {})
    room.receive("lamp", 2)
    assert room.reserve("#3", "lamp", 2)
    room.cancel("#3")
    assert (room.free("lamp"), room.ship("#3")) == (2, {})
