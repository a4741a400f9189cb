"""unconventional / words at play"""


def stuttering_parrot(sentence: str) -> str:
    """A parrot repeats a sentence word by word, but each time it comes to a word that has a letter in common with the
    word which it said just before (its own stutter included, capitals are all the same to it), it stutters: it says the
    first letter of the word and a hyphen before the word.

    >>> stuttering_parrot("polly wants a cracker")
    'polly wants a-a c-cracker'
    >>> stuttering_parrot("my hut")
    'my hut'
    """
    said: list[str] = []
    for word in sentence.split():
        shared = said and set(word.lower()) & set(said[-1].lower()) - {"-"}
        said.append(f"{word[0]}-{word}" if shared else word)
    return " ".join(said)


def test_stuttering_parrot() -> None:
    assert stuttering_parrot("polly wants a cracker") == "polly wants a-a c-cracker"
    assert stuttering_parrot("my hut") == "my hut"
    assert stuttering_parrot("") == ""
    assert stuttering_parrot("Oh ho") == "Oh h-ho"
    assert stuttering_parrot("a-b c-d") == "a-b c-d"


def crossing_words(across: str, down: str) -> list[str]:
    """Draw two words that cross: `across` in a row, `down` in a column through it, at the first letter of `across` that
    also occurs in `down` (there at its first place). Empty places are dots. Return the rows of the drawing, or an empty
    list if the words share no letter.

    >>> crossing_words("cat", "hat")
    ['.h.', 'cat', '.t.']
    >>> crossing_words("dog", "hat")
    []
    """
    for column, letter in enumerate(across):
        if letter in down:
            row = down.index(letter)
            blank = "." * column + "{}" + "." * (len(across) - column - 1)
            return [across if at == row else blank.format(each) for at, each in enumerate(down)]
    return []


def test_crossing_words() -> None:
    assert crossing_words("cat", "hat") == [".h.", "cat", ".t."]
    assert crossing_words("dog", "hat") == []
    assert crossing_words("a", "banana") == ["b", "a", "n", "a", "n", "a"]
    assert crossing_words("oboe", "bee") == ["oboe", ".e..", ".e.."]
    assert crossing_words("", "x") == []


def shy_vowels(text: str) -> str:
    """Shy vowels hide when too many look at them: a vowel (a, e, i, o, u) between two consonant letters becomes "*".
    But the third of the shy ones, and every third after it, is brave and stays.

    >>> shy_vowels("banana")
    'b*n*na'
    >>> shy_vowels("a pig in a bag, a red hen")
    'a p*g in a b*g, a red h*n'
    """
    shown, shy = "", 0
    for place, letter in enumerate(text):
        around = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
        watched = len(around) == 2 and all(each.isalpha() and each.lower() not in "aeiou" for each in around)
        if letter.lower() in "aeiou" and watched:
            shy += 1
            shown += letter if shy % 3 == 0 else "*"
        else:
            shown += letter
    return shown


def test_shy_vowels() -> None:
    assert shy_vowels("banana") == "b*n*na"
    assert shy_vowels("a pig in a bag, a red hen") == "a p*g in a b*g, a red h*n"
    assert shy_vowels("") == ""
    assert shy_vowels("Tool") == "Tool"
    assert shy_vowels("DOG CAT PEN SIT BUS COW") == "D*G C*T PEN S*T B*S COW"


def telegram_bill(message: str) -> int:
    """A telegram costs 2 coins a word, and 1 more for each letter beyond the seventh of a word. STOP is free, but three
    STOPs in a row make the telegram rude and double the price of the words that come after them (once only). A word
    that was already paid for costs 1 coin, however long, before doubling.

    >>> telegram_bill("ARRIVE SUNDAY STOP BRING UMBRELLA")
    9
    >>> telegram_bill("GO GO STOP STOP STOP GO")
    5
    """
    coins, stops, rude = 0, 0, False
    paid = set()
    for word in message.split():
        if word == "STOP":
            stops += 1
            rude = rude or stops == 3
            continue
        stops = 0
        price = 1 if word in paid else 2 + max(len(word) - 7, 0)
        paid.add(word)
        coins += 2 * price if rude else price
    return coins


def test_telegram_bill() -> None:
    assert telegram_bill("ARRIVE SUNDAY STOP BRING UMBRELLA") == 9
    assert telegram_bill("GO GO STOP STOP STOP GO") == 5
    assert telegram_bill("") == 0
    assert telegram_bill("STOP STOP GO STOP HI") == 4
    assert telegram_bill("CONGRATULATIONS CONGRATULATIONS") == 11
    assert telegram_bill("STOP STOP STOP STOP STOP STOP ABCDEFGHI") == 8


def mirror_hallway(word: str) -> str:
    """A word walks through a hall of mirrors. At each mirror it swaps its first and its last letter and then leaves the
    two behind, in that order, on the floor, until at most one letter is left; that one is put between the two halves of
    what lies on the floor. Return what lies on the floor at the end.

    >>> mirror_hallway("lamps")
    'slmpa'
    >>> mirror_hallway("no")
    'on'
    """
    floor = ""
    while len(word) > 1:
        floor += word[-1] + word[0]
        word = word[1:-1]
    middle = len(floor) // 2
    return floor[:middle] + word + floor[middle:]


def test_mirror_hallway() -> None:
    assert mirror_hallway("lamps") == "slmpa"
    assert mirror_hallway("no") == "on"
    assert mirror_hallway("") == ""
    assert mirror_hallway("x") == "x"
    assert mirror_hallway("abcdefg") == "gafdbec"


def pirate_alphabet(map_text: str, parrot: str) -> str:
    """Pirates write a map with the parrot's name as a key: the letters of the name, each once, come first in their
    alphabet, then the other letters of a to z in order. A map is read by replacing each small letter by the one that
    stands at its place in the pirates' alphabet, counted from the END of that alphabet (a is replaced by its last
    letter). Other characters stay.

    >>> pirate_alphabet("abz", "coco")
    'zyc'
    >>> pirate_alphabet("Dig 3 feet!", "zed")
    'Dqs 3 tuuf!'
    """
    ours = "abcdefghijklmnopqrstuvwxyz"
    theirs = "".join(dict.fromkeys(parrot + ours))
    return map_text.translate(str.maketrans(ours, theirs[::-1]))


def test_pirate_alphabet() -> None:
    assert pirate_alphabet("abz", "coco") == "zyc"
    assert pirate_alphabet("Dig 3 feet!", "zed") == "Dqs 3 tuuf!"
    assert pirate_alphabet("", "x") == ""
    assert pirate_alphabet("az", "") == "za"
    assert pirate_alphabet("zyx", "polly") == "pol"


def whisper_round(sentence: str, children: int) -> str:
    """Children sit in a ring and whisper a sentence on. Child 1 says it right. Every even child forgets the last word,
    unless one word is left. Every third child (3, 6, ...) says the longest word (the first of equals) in capitals.
    Child 6 does both, forgetting first. Return what the last child says.

    >>> whisper_round("the cat ate our older piano", 3)
    'the cat ate our OLDER'
    >>> whisper_round("hush", 4)
    'HUSH'
    """
    words = sentence.split()
    for child in range(1, children + 1):
        if child % 2 == 0 and len(words) > 1:
            words.pop()
        if child % 3 == 0 and words:
            longest = max(range(len(words)), key=lambda place: len(words[place]))
            words[longest] = words[longest].upper()
    return " ".join(words)


def test_whisper_round() -> None:
    assert whisper_round("the cat ate our older piano", 3) == "the cat ate our OLDER"
    assert whisper_round("hush", 4) == "HUSH"
    assert whisper_round("", 5) == ""
    assert whisper_round("a b c", 1) == "a b c"
    assert whisper_round("one two three four five", 6) == "ONE two"
    assert whisper_round("aa bbb cc d", 2) == "aa bbb cc"


def zebra_crossing(text: str, feet: int) -> str:
    """Someone crosses a text in steps, landing on every feet-th character (the first landing is on character number
    `feet`, counted from one). Landed-on letters change between small and capital, landed-on digits become the next
    digit (9 becomes 0), and landing on a space is slippery: the walker slides one character further before the next
    step is counted. Return the text after the walk.

    >>> zebra_crossing("abc def", 2)
    'aBc deF'
    >>> zebra_crossing("r2d9", 2)
    'r3d0'
    """
    marks = list(text)
    at = feet - 1
    while at < len(marks):
        mark = marks[at]
        if mark.isdigit():
            marks[at] = str((int(mark) + 1) % 10)
        marks[at] = marks[at].swapcase()
        at += feet + (mark == " ")
    return "".join(marks)


def test_zebra_crossing() -> None:
    assert zebra_crossing("abc def", 2) == "aBc deF"
    assert zebra_crossing("r2d9", 2) == "r3d0"
    assert zebra_crossing("", 1) == ""
    assert zebra_crossing("abc", 4) == "abc"
    assert zebra_crossing("a b c", 1) == "A b c"
    assert zebra_crossing("X9y", 1) == "x0Y"


def knitted_name(name: str, rows: int) -> list[str]:
    """Knit a name into a scarf: each row is the name, and the next row begins where the yarn is: the row is turned
    left by as many letters as there are vowels (a, e, i, o, u) in the first half of the row before it (the middle
    letter of an odd name is in no half). Return the rows.

    >>> knitted_name("anna", 3)
    ['anna', 'nnaa', 'nnaa']
    >>> knitted_name("io", 3)
    ['io', 'oi', 'io']
    """
    scarf = []
    row = name
    for _ in range(rows):
        scarf.append(row)
        turn = sum(letter in "aeiou" for letter in row[: len(row) // 2])
        row = row[turn:] + row[:turn]
    return scarf


def test_knitted_name() -> None:
    assert knitted_name("anna", 3) == ["anna", "nnaa", "nnaa"]
    assert knitted_name("io", 3) == ["io", "oi", "io"]
    assert knitted_name("", 2) == ["", ""]
    assert knitted_name("eve", 2) == ["eve", "vee"]
    assert knitted_name("aeiouz", 3) == ["aeiouz", "ouzaei", "zaeiou"]
    assert knitted_name("x", 0) == []


def librarian_yawn(titles: list[str]) -> list[str]:
    """A sleepy librarian sorts books by title, but does not see "The ", "A " or "An " at the beginning, nor capitals,
    and every fourth book that she puts on the shelf she puts at its far left instead of at the right end. Return the
    titles as they stand on the shelf.

    >>> librarian_yawn(["The Dot", "A Cat", "An Egg", "Bat"])
    ['An Egg', 'Bat', 'A Cat', 'The Dot']
    >>> librarian_yawn(["b", "A a"])
    ['A a', 'b']
    """

    def seen(title: str) -> str:
        for article in ("The ", "An ", "A "):
            if title.startswith(article):
                return title.removeprefix(article).lower()
        return title.lower()

    shelf: list[str] = []
    for number, title in enumerate(sorted(titles, key=seen), start=1):
        shelf.insert(0 if number % 4 == 0 else len(shelf), title)
    return shelf


def test_librarian_yawn() -> None:
    assert librarian_yawn(["The Dot", "A Cat", "An Egg", "Bat"]) == ["An Egg", "Bat", "A Cat", "The Dot"]
    assert librarian_yawn(["b", "A a"]) == ["A a", "b"]
    assert librarian_yawn([]) == []
    assert librarian_yawn(list("hgfedcba")) == ["h", "d", "a", "b", "c", "e", "f", "g"]
    assert librarian_yawn(["Theory", "Anthem"]) == ["Anthem", "Theory"]
