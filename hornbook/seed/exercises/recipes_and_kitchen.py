"""Everyday programs / a recipe scaler"""

from fractions import Fraction


def scale_recipe(amounts: dict[str, str], cooks_for: int, guests: int) -> dict[str, str]:
    """Recipes give amounts such as "3/4" or "2". Scale each from `cooks_for` persons to the number of guests with
    exact fractions. Write whole results as "3", others as "1/2", or "1 1/2" where they exceed one.

    >>> scale_recipe({"flour": "3/4", "eggs": "2"}, 4, 6)
    {'flour': '1 1/8', 'eggs': '3'}
    >>> scale_recipe({"salt": "1"}, 4, 1)
    {'salt': '1/4'}
    """

    def written(amount: Fraction) -> str:
        whole, rest = divmod(amount, 1)
        return " ".join(str(part) for part in (whole, rest) if part) or "0"

    return {item: written(Fraction(amount) * guests / cooks_for) for item, amount in amounts.items()}


def test_scale_recipe() -> None:
    assert scale_recipe({"a": "1/3"}, 1, 3) == {"a": "1"}
    assert scale_recipe({"a": "1/3", "b": "5"}, 2, 4) == {"a": "2/3", "b": "10"}
    assert scale_recipe({"a": "3"}, 2, 1) == {"a": "1 1/2"}
    assert scale_recipe({"a": "0"}, 2, 1) == {"a": "0"}
    assert scale_recipe({}, 2, 1) == {}


def can_cook(pantry: dict[str, int], recipe: dict[str, int]) -> int:
    """Count how often the recipe can be cooked in full from what the pantry holds. Both map an ingredient to grams;
    ingredients that the pantry lacks count as 0, and a recipe without any ingredient is a ValueError.

    >>> can_cook({"rice": 500, "peas": 90}, {"rice": 100, "peas": 30})
    3
    >>> can_cook({"rice": 500}, {"rice": 100, "peas": 30})
    0
    """
    if not recipe:
        raise ValueError("an empty recipe feeds nobody")
    return min(pantry.get(item, 0) // grams for item, grams in recipe.items())


def test_can_cook() -> None:
    assert can_cook({"rice": 500, "peas": 90}, {"rice": 100, "peas": 30}) == 3
    assert can_cook({"rice": 99}, {"rice": 100}) == 0
    assert can_cook({"rice": 100}, {"rice": 100}) == 1
    assert can_cook({"a": 10, "b": 100, "c": 1000}, {"b": 15, "c": 1}) == 6
    try:
        can_cook({"a": 1}, {})
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def shopping_list(menu: list[dict[str, int]], pantry: dict[str, int], pack: int) -> dict[str, int]:
    """Work out how many packs to buy of each ingredient. The menu is a list of recipes in grams, the pantry tells
    what is there already, and every pack holds `pack` grams. Sort the list by ingredient and leave out what need
    not be bought.

    >>> shopping_list([{"rice": 300}, {"rice": 400, "oil": 50}], {"oil": 80, "rice": 100}, pack=500)
    {'rice': 2}
    >>> shopping_list([{"nuts": 10, "figs": 501}], {}, pack=500)
    {'figs': 2, 'nuts': 1}
    """
    needed: dict[str, int] = {}
    for recipe in menu:
        for item, grams in recipe.items():
            needed[item] = needed.get(item, 0) + grams
    packs = {}
    for item in sorted(needed):
        missing = needed[item] - pantry.get(item, 0)
        if missing > 0:
            packs[item] = -(-missing // pack)
    return packs


def test_shopping_list() -> None:
    assert shopping_list([{"rice": 300}, {"rice": 400, "oil": 50}], {"oil": 80, "rice": 100}, 500) == {"rice": 2}
    assert shopping_list([{"a": 100}], {"a": 100}, 10) == {}
    assert shopping_list([{"a": 101}], {"a": 100}, 10) == {"a": 1}
    assert list(shopping_list([{"z": 1}, {"b": 20}], {}, 10).items()) == [("b", 2), ("z", 1)]
    assert shopping_list([], {"a": 5}, 10) == {}


def oven_plan(dishes: list[tuple[str, int]], serve_at: int) -> list[tuple[int, str]]:
    """All dishes should leave their ovens together at minute `serve_at`. Each dish is (name, minutes to bake);
    return (start minute, name) in the order in which the cook has to act, by name where two start together. A dish
    that would have to start before minute 0 is a ValueError.

    >>> oven_plan([("pie", 45), ("rolls", 20)], 60)
    [(15, 'pie'), (40, 'rolls')]
    >>> oven_plan([], 10)
    []
    """
    starts = sorted((serve_at - minutes, name) for name, minutes in dishes)
    if starts and starts[0][0] < 0:
        raise ValueError(f"too late for {starts[0][1]}")
    return starts


def test_oven_plan() -> None:
    assert oven_plan([("rolls", 20), ("pie", 45)], 60) == [(15, "pie"), (40, "rolls")]
    assert oven_plan([("b", 5), ("a", 5)], 9) == [(4, "a"), (4, "b")]
    assert oven_plan([("a", 9)], 9) == [(0, "a")]
    try:
        oven_plan([("a", 10), ("b", 1)], 9)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def safe_dishes(menu: dict[str, set[str]], guests: dict[str, set[str]]) -> dict[str, list[str]]:
    """Guests have told the cook what they cannot eat. For each guest list the dishes of the menu, in alphabetical
    order, that contain none of the forbidden ingredients.

    >>> safe_dishes({"stew": {"beef", "leek"}, "curry": {"rice", "nuts"}}, {"Mia": {"nuts"}, "Tom": set()})
    {'Mia': ['stew'], 'Tom': ['curry', 'stew']}
    >>> safe_dishes({}, {"Mia": {"nuts"}})
    {'Mia': []}
    """
    return {
        guest: sorted(dish for dish, parts in menu.items() if parts.isdisjoint(forbidden))
        for guest, forbidden in guests.items()
    }


def test_safe_dishes() -> None:
    menu = {"stew": {"beef", "leek"}, "curry": {"rice", "nuts"}, "water": set()}
    assert safe_dishes(menu, {"Mia": {"nuts", "egg"}}) == {"Mia": ["stew", "water"]}
    assert safe_dishes(menu, {"Bo": {"beef", "rice"}}) == {"Bo": ["water"]}
    assert safe_dishes(menu, {"Al": set()}) == {"Al": ["curry", "stew", "water"]}
    assert safe_dishes(menu, {}) == {}


def sourdough_feedings(start: float, target: float) -> list[float]:
    """A baker feeds a starter so that it triples each time, but throws away half whenever a feeding would take it
    past 400 grams, and only then feeds. List its weight after each feeding until it reaches the target, which is
    at most 400. A start of zero or less can never grow: that is a ValueError.

    >>> sourdough_feedings(20, 150)
    [60, 180]
    >>> sourdough_feedings(150, 200)
    [225.0]
    """
    if start <= 0 or target > 400:
        raise ValueError("cannot be reached")
    weights = []
    weight = start
    while weight < target:
        if weight * 3 > 400:
            weight /= 2
        weight *= 3
        weights.append(weight)
    return weights


def test_sourdough_feedings() -> None:
    assert sourdough_feedings(20, 150) == [60, 180]
    assert sourdough_feedings(20, 180) == [60, 180]
    assert sourdough_feedings(20, 20) == []
    assert sourdough_feedings(100, 400) == [300, 450.0]
    assert sourdough_feedings(134, 200) == [201.0]
    for start, target in ((0, 10), (5, 401)):
        try:
            sourdough_feedings(start, target)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def cooking_order(needs: dict[str, set[str]]) -> list[str]:
    """Steps of a recipe need other steps first: the table maps a step to the steps it needs, all of which are keys
    too. Write one step at a time, always the alphabetically first whose needs are done. If no step can go on, the
    recipe runs in a circle: raise a ValueError.

    >>> cooking_order({"bake": {"mix", "heat"}, "mix": set(), "heat": set()})
    ['heat', 'mix', 'bake']
    >>> cooking_order({})
    []
    """
    order: list[str] = []
    waiting = dict(needs)
    while waiting:
        ready = [step for step, before in waiting.items() if before <= set(order)]
        if not ready:
            raise ValueError("the steps wait for each other")
        step = min(ready)
        order.append(step)
        del waiting[step]
    return order


def test_cooking_order() -> None:
    assert cooking_order({"c": {"b"}, "b": {"a"}, "a": set()}) == ["a", "b", "c"]
    assert cooking_order({"a": {"z"}, "z": set(), "b": set()}) == ["b", "z", "a"]
    assert cooking_order({"only": set()}) == ["only"]
    for circle in ({"a": {"b"}, "b": {"a"}}, {"a": {"a"}, "b": set()}):
        try:
            cooking_order(circle)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


class SpiceRack:
    """A rack with room for a fixed number of jars. `use(spice)` takes a jar to hand: True if it stood in the rack;
    otherwise it is fetched from the cellar, the jar that was not used for the longest time makes room if the rack
    is full, and the answer is False. `jars()` lists what stands there, the most recently used first.

    >>> rack = SpiceRack(2)
    >>> [rack.use(spice) for spice in ("dill", "mace", "dill", "cumin", "mace")]
    [False, False, True, False, False]
    >>> rack.jars()
    ['mace', 'cumin']
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.order: list[str] = []

    def use(self, spice: str) -> bool:
        present = spice in self.order
        if present:
            self.order.remove(spice)
        elif len(self.order) == self.room:
            self.order.pop()
        self.order.insert(0, spice)
        return present

    def jars(self) -> list[str]:
        return list(self.order)


def test_SpiceRack() -> None:
    rack = SpiceRack(3)
    assert rack.jars() == []
    assert [rack.use(s) for s in "abca"] == [False, False, False, True]
    assert rack.jars() == ["a", "c", "b"]
    assert rack.use("d") is False
    assert rack.jars() == ["d", "a", "c"]
    assert rack.use("b") is False
    assert rack.use("d") is True
    assert rack.jars() == ["d", "b", "a"]
