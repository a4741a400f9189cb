"""Bits"""


def switch_panel(state: int, presses: list[int]) -> int:
    """A panel of lamps is kept in one integer: bit k is 1 while lamp k is lit. Each press toggles one lamp, named
    by its number. Return the state after all presses.

    >>> switch_panel(0b0101, [0, 1])
    6
    >>> switch_panel(0, [3, 3, 3])
    8
    """
    for lamp in presses:
        state ^= 1 << lamp
    return state


def test_switch_panel() -> None:
    assert switch_panel(0b0101, [0, 1]) == 0b0110
    assert switch_panel(7, []) == 7
    assert switch_panel(0, [0]) == 1
    assert switch_panel(8, [3]) == 0
    assert switch_panel(0, [4, 2, 4]) == 4


def permission_names(mode: int) -> list[str]:
    """Decode a file's permission number. Its lowest nine bits are three groups (user, group, other, from the top),
    each with read, write and execute. Answer one text such as "rw-" for each group.

    >>> permission_names(0o754)
    ['rwx', 'r-x', 'r--']
    >>> permission_names(0)
    ['---', '---', '---']
    """
    groups = []
    for shift in (6, 3, 0):
        triple = (mode >> shift) & 0b111
        groups.append("".join(sign if triple & bit else "-" for sign, bit in (("r", 4), ("w", 2), ("x", 1))))
    return groups


def test_permission_names() -> None:
    assert permission_names(0o754) == ["rwx", "r-x", "r--"]
    assert permission_names(0o777) == ["rwx", "rwx", "rwx"]
    assert permission_names(0o124) == ["--x", "-w-", "r--"]
    assert permission_names(0o1644) == ["rw-", "r--", "r--"]
    assert permission_names(0o003) == ["---", "---", "-wx"]


def pack_date(year: int, month: int, day: int) -> int:
    """Old file systems squeeze a date into 16 bits: seven bits for the years since 1980, then four for the month
    and five for the day. Pack it; a year outside 1980 to 2107, a month outside 1 to 12 or a day outside 1 to 31 is
    a ValueError.

    >>> pack_date(1980, 1, 1)
    33
    >>> pack_date(2024, 2, 29)
    22621
    """
    if not (1980 <= year <= 2107 and 1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError("outside the format's range")
    return (year - 1980) << 9 | month << 5 | day


def test_pack_date() -> None:
    assert pack_date(2024, 2, 29) == 44 * 512 + 2 * 32 + 29
    assert pack_date(2107, 12, 31) == 127 * 512 + 12 * 32 + 31
    assert pack_date(1980, 1, 1) == 33
    for wrong in ((1979, 1, 1), (2108, 1, 1), (2000, 0, 1), (2000, 13, 1), (2000, 1, 0), (2000, 1, 32)):
        try:
            pack_date(*wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")
    assert pack_date(1981, 1, 31) == 512 + 32 + 31


def unpack_pixel(pixel: int) -> tuple[int, int, int]:
    """Small screens store a colour in 16 bits: five for red, six for green, five for blue, red on top. Return the
    three parts stretched to 0..255, so that the largest value of each part becomes 255 (round down).

    >>> unpack_pixel(0xFFFF)
    (255, 255, 255)
    >>> unpack_pixel(0b10000_000000_00001)
    (131, 0, 8)
    """
    red = pixel >> 11 & 0x1F
    green = pixel >> 5 & 0x3F
    blue = pixel & 0x1F
    return red * 255 // 31, green * 255 // 63, blue * 255 // 31


def test_unpack_pixel() -> None:
    assert unpack_pixel(0) == (0, 0, 0)
    assert unpack_pixel(0b11111_000000_00000) == (255, 0, 0)
    assert unpack_pixel(0b00000_100000_00000) == (0, 129, 0)
    assert unpack_pixel(0b00000_000000_11110) == (0, 0, 246)
    assert unpack_pixel(0b00001_000001_00001) == (8, 4, 8)


def longest_signal(word: int) -> tuple[int, int]:
    """A sensor reports sixteen samples as the bits of one number. Find the longest unbroken row of ones, and return
    its length and the number of its lowest bit; of equally long rows take the highest. Without ones it is (0, 0).

    >>> longest_signal(0b0011_1011_0000_0001)
    (3, 11)
    >>> longest_signal(0)
    (0, 0)
    """
    length = 0
    survivors = 0
    # Each step takes the lowest bit off every row of ones, so that the longest row survives the most steps.
    while word:
        survivors = word
        word &= word << 1
        length += 1
    return length, survivors.bit_length() - length


def test_longest_signal() -> None:
    assert longest_signal(0b1111) == (4, 0)
    assert longest_signal(0b1) == (1, 0)
    assert longest_signal(0b101010) == (1, 5)
    assert longest_signal(0b1100111011110) == (4, 1)
    assert longest_signal(0b1100_0011) == (2, 6)
    assert longest_signal(0xFFFF) == (16, 0)


def gray_steps(width: int) -> list[str]:
    """The knob of a mixing desk reports its position so that neighbouring positions differ in a single bit (a Gray
    code): position n is reported as n XOR (n shifted right by one). List the reports of all positions of a knob
    with `width` bits as texts of that width.

    >>> gray_steps(2)
    ['00', '01', '11', '10']
    >>> gray_steps(1)
    ['0', '1']
    """
    return [format(n ^ (n >> 1), f"0{width}b") for n in range(1 << width)]


def test_gray_steps() -> None:
    assert gray_steps(2) == ["00", "01", "11", "10"]
    assert gray_steps(3) == ["000", "001", "011", "010", "110", "111", "101", "100"]
    assert len(set(gray_steps(6))) == 64
    assert gray_steps(4)[-1] == "1000"


def free_slots(calendar: int, length: int) -> list[int]:
    """A day's 24 hours are bits of one integer; bit h is 1 when hour h is booked. List every hour at which a
    meeting of `length` hours could start and end before midnight with all its hours free.

    >>> free_slots(0b1111_1111_1111_0001_1111_1111, 2)
    [9, 10]
    >>> free_slots(0xFFFFFF, 1)
    []
    """
    meeting = (1 << length) - 1
    return [hour for hour in range(24 - length + 1) if not calendar & (meeting << hour)]


def test_free_slots() -> None:
    assert free_slots(0b1111_1111_1111_0001_1111_1111, 2) == [9, 10]
    assert free_slots(0, 24) == [0]
    assert free_slots(0, 23) == [0, 1]
    assert free_slots(0x7FFFFF, 1) == [23]
    assert free_slots(1, 22) == [1, 2]
    assert free_slots(0, 25) == []


def subsets_of_mask(mask: int) -> list[int]:
    """Enumerate every number whose one-bits all lie within the mask, from the largest down to 0. A well known
    trick walks through them without a test: subtract one and mask again.

    >>> subsets_of_mask(0b101)
    [5, 4, 1, 0]
    >>> subsets_of_mask(0)
    [0]
    """
    subsets = []
    current = mask
    while current:
        subsets.append(current)
        current = (current - 1) & mask
    return [*subsets, 0]


def test_subsets_of_mask() -> None:
    assert subsets_of_mask(0b110) == [6, 4, 2, 0]
    assert subsets_of_mask(1) == [1, 0]
    assert subsets_of_mask(0b1011) == [11, 10, 9, 8, 3, 2, 1, 0]
    assert len(subsets_of_mask(0b11011011)) == 64
    assert subsets_of_mask(0) == [0]


def varint(number: int) -> bytes:
    """Many file formats store numbers in as few bytes as they need: seven bits in each byte, the lowest seven
    first, and the top bit of a byte set when another byte follows. Encode a number in that form; negative numbers
    are a ValueError.

    >>> list(varint(300))
    [172, 2]
    >>> list(varint(127))
    [127]
    """
    if number < 0:
        raise ValueError("only numbers from 0 on")
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def test_varint() -> None:
    assert varint(0) == b"\x00"
    assert varint(127) == b"\x7f"
    assert varint(128) == b"\x80\x01"
    assert varint(16384) == b"\x80\x80\x01"
    assert varint(300) == bytes([172, 2])
    try:
        varint(-1)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")
