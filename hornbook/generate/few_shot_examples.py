"""Few-shot examples for a weak teacher: 21 small functions with signatures as in scaffolded.py.

They are shown in prompts and are never training data: an exercise that copies one is rejected. They
are grouped by their first parameter, because a prompt shows those with the parameter of the new
exercise. The shelf's exercises are longer, and too long for these prompts.
"""


def shout_first(text: str) -> str:
    """Turn the first letter of the text into a capital and add an exclamation mark."""
    return text[:1].upper() + text[1:] + "!"


def spaces_in(text: str) -> int:
    """Count the spaces in the text."""
    total = 0
    for character in text:
        if character == " ":
            total += 1
    return total


def starts_and_ends_alike(text: str) -> bool:
    """Check if the text begins and ends with the same letter, and is not empty."""
    return text != "" and text[0] == text[-1]


def long_pieces(text: str) -> list[str]:
    """List the words of the text that have more than three letters."""
    return [word for word in text.split() if len(word) > 3]


def without_letter(text: str, letter: str) -> str:
    """Remove every occurrence of the letter from the text."""
    return text.replace(letter, "")


def sorted_by_length(words: list[str]) -> list[str]:
    """Sort the words from the shortest to the longest."""
    return sorted(words, key=len)


def joined_initials(words: list[str]) -> str:
    """Join the first letters of the words into one text."""
    return "".join(word[0] for word in words)


def letters_of_each(words: list[str]) -> dict[str, int]:
    """Map each word to the number of its letters."""
    lengths = {}
    for word in words:
        lengths[word] = len(word)
    return lengths


def of_length(words: list[str], length: int) -> list[str]:
    """List the words that have exactly this length."""
    return [word for word in words if len(word) == length]


def sum_of_even(numbers: list[int]) -> int:
    """Add up the even numbers of the list."""
    total = 0
    for number in numbers:
        if number % 2 == 0:
            total += number
    return total


def each_doubled(numbers: list[int]) -> list[int]:
    """Multiply each number of the list by two."""
    return [2 * number for number in numbers]


def any_negative(numbers: list[int]) -> bool:
    """Check if at least one number of the list is negative."""
    return any(number < 0 for number in numbers)


def above(numbers: list[int], limit: int) -> list[int]:
    """List the numbers that are greater than the limit."""
    return [number for number in numbers if number > limit]


def squared_plus_one(number: int) -> int:
    """Multiply the number by itself and add one."""
    return number * number + 1


def divisible_by_three(number: int) -> bool:
    """Check if the number can be divided by three without a remainder."""
    return number % 3 == 0


def stars(number: int) -> str:
    """Write so many stars in a row."""
    return "*" * number


def larger_difference(first: int, second: int) -> int:
    """Take the smaller of the two numbers from the larger one."""
    return max(first, second) - min(first, second)


def found_in_both(first: list[int], second: list[int]) -> list[int]:
    """List the numbers of the first list that are in the second one too."""
    return [number for number in first if number in second]


def names_with_one(counts: dict[str, int]) -> list[str]:
    """List the names that were counted exactly once."""
    return [name for name, count in counts.items() if count == 1]


def everything_counted(counts: dict[str, int]) -> int:
    """Add up all the counts."""
    return sum(counts.values())


def at_least(counts: dict[str, int], limit: int) -> dict[str, int]:
    """Keep the names whose count is at least the limit."""
    return {name: count for name, count in counts.items() if count >= limit}
