#ifndef REKEY_CITEM_H
#define REKEY_CITEM_H

// One pass over an item as AWS and rekey write it: no white space, names of ASCII without escapes. It accepts only what is valid, notes
// every value, and answers -1 for all that it does not know; that, faults among it, is left to ValueScanner's careful way.

#include "scan.h"

/// What a value holds; the numbers are those of AttributeType.
enum {
    rekey_string, rekey_number, rekey_binary, rekey_boolean, rekey_null, rekey_map, rekey_list, rekey_string_set, rekey_number_set,
    rekey_binary_set
};

/// Flags of a note.
typedef enum {
    /// The text has escapes.
    rekey_has_escape = 1,
    /// The text has escapes that the canonical form spells in another way.
    rekey_respelled = 2,
    /// A number that is its own canonical form.
    rekey_canonical = 4,
    /// The caller has to check it: numbers of unusual form, binaries, sets.
    rekey_unchecked = 8
} rekey_note_flag;

/// One value. The notes stand in the order of the text, so that what a map or list holds follows it. Offsets into the text.
typedef struct {
    /// The quote before the name; of a member of a list its brace.
    int32_t start;
    /// The quote behind the name; 0 for members of lists.
    int32_t name_end;
    /// What stands behind the type: strings, numbers and binaries without their quotes.
    int32_t content, content_end;
    /// Behind the value's brace.
    int32_t end;
    /// The number of the first note that is not part of this value.
    int32_t next;
    uint8_t type, flags;
    /// To a length that is quickly multiplied.
    uint8_t unused[6];
} rekey_note;

/// A marked text, and what was noted of an item in it.
typedef struct {
    const uint8_t *base;
    long end;
    const uint64_t *marks;
    /// With room for end / 8 + 2.
    rekey_note *notes;
    int32_t count;
    /// Notes that are unchecked.
    int32_t unchecked;
    /// DynamoDB's size of the item, but for what numbers, binaries and their sets hold.
    long size;
} rekey_item;

static inline uint32_t rekey_four(const uint8_t *p) {
    uint32_t word;
    memcpy(&word, p, 4);
    return word;
}

static inline uint64_t rekey_eight(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

/// The first special byte from `start` on, or the end.
static inline long rekey_next_special(const uint64_t *marks, long start) {
    long word = start >> 6;
    uint64_t bits = marks[word] >> (start & 63);
    if (bits) return start + __builtin_ctzll(bits);
    do bits = marks[++word]; while (!bits);
    return (word << 6) + __builtin_ctzll(bits);
}

/// The UTF-16 unit of the four hexadecimal digits at `p`, or -1.
static inline long rekey_hex_unit(const uint8_t *p) {
    long unit = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t byte = p[i], low = byte | 0x20;
        if (byte >= '0' && byte <= '9') unit = unit << 4 | (byte - '0');
        else if (low >= 'a' && low <= 'f') unit = unit << 4 | (low - 'a' + 10);
        else return -1;
    }
    return unit;
}

/// Where the string has its closing quote whose first special byte is at `p`, or -1. What escapes add to its bytes goes into `added`.
static long rekey_long_string_end(const rekey_item *item, long p, uint8_t *flags, long *added) {
    const uint8_t *const base = item->base;
    const long end = item->end;
    while (p < end) {
        uint8_t byte = base[p];
        if (byte == '"') return p;
        if (byte < 0x20 || end - p < 2) return -1;
        if (byte == '\\') {
            *flags |= rekey_has_escape;
            switch (base[p + 1]) {
            case '/': *flags |= rekey_respelled; // as the others
            case '"': case '\\': case 'b': case 'f': case 'n': case 'r': case 't':
                p += 2;
                *added += 1;
                break;
            case 'u': {
                long unit = end - p < 6 ? -1 : rekey_hex_unit(base + p + 2);
                // Pairs of surrogates are rare.
                if (unit < 0 || (unit >= 0xD800 && unit < 0xE000)) return -1;
                *flags |= rekey_respelled;
                *added += unit < 0x80 ? 5 : unit < 0x800 ? 4 : 3;
                p += 6;
                break;
            }
            default: return -1;
            }
        } else {
            // RFC 3629, section 4. A quote and a brace at least follow, so that four bytes are there.
            while (base[p] >= 0x80) {
                if (end - p < 4) return -1;
                uint32_t four = rekey_four(base + p);
                uint8_t lead = four & 0xFF, second = four >> 8 & 0xFF;
                if (lead >= 0xE0 && lead < 0xF0) {
                    if ((four & 0xC0C000) != 0x808000 || (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return -1;
                    p += 3;
                } else if (lead >= 0xC2 && lead < 0xE0) {
                    if ((four & 0xC000) != 0x8000) return -1;
                    p += 2;
                } else if (lead >= 0xF0 && lead <= 0xF4) {
                    if ((four & 0xC0C0C000) != 0x80808000 || (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return -1;
                    p += 4;
                } else {
                    return -1;
                }
            }
        }
        p = rekey_next_special(item->marks, p);
    }
    return -1;
}

/// The flags of a number. Up to 38 digits with one point at most are one whatever they are.
static inline uint8_t rekey_number_flags(const uint8_t *base, long start, long stop, long end) {
    long p = start + (base[start] == '-');
    long count = stop - p, points = 0;
    if (count <= 0 || count > 38) return rekey_unchecked;
    uint8_t first = base[p], last = base[stop - 1];
    for (; p < stop; p += 8) {
        if (end - p < 8) return rekey_unchecked;
        long left = stop - p;
        uint64_t unused = left >= 8 ? 0 : ~0ULL << (8 * left);
        // The word reaches behind the number; zeros take the place of what stands there.
        uint64_t digits = ((rekey_eight(base + p) & ~unused) | (0x3030303030303030 & unused)) ^ 0x3030303030303030;
        // A byte is a digit where it is at most 9 by now; a point has become 0x1E.
        uint64_t others = ((digits + 0x7676767676767676) | digits) & 0x8080808080808080;
        if (others) {
            if ((others & (others - 1)) || (digits >> (__builtin_ctzll(others) - 7) & 0xFF) != 0x1E) return rekey_unchecked;
            points++;
        }
    }
    if (points > 1 || (points == 1 && count == 1)) return rekey_unchecked;
    return points == 0 && first != '0' && last != '0' ? rekey_canonical : 0;
}

/// Whether the name of the note numbered `count` stands among its siblings, the first of which is `first`; true too where there are too
/// many to look at.
static int rekey_is_repeated(const rekey_item *item, int32_t first, int32_t count, long *steps) {
    const rekey_note *notes = item->notes, *own = notes + count;
    long length = own->name_end - own->start;
    for (int32_t i = first; i < count; i = notes[i].next) {
        if (++*steps > 20000) return 1;
        if (notes[i].name_end - notes[i].start == length && !memcmp(item->base + notes[i].start, item->base + own->start, (size_t)length))
            return 1;
    }
    return 0;
}

#define REKEY_FOUR(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/// Scans the item whose opening brace is at `start`; where it ends, or -1. The text must be little-endian memory of at most 1 GiB.
static long rekey_scan_item(rekey_item *item, long start) {
    const uint8_t *const base = item->base;
    const long end = item->end;
    const uint64_t *const marks = item->marks;
    rekey_note *const notes = item->notes;
    struct {
        /// The map or list, its first member, a bit for each of 64 groups of names, and whether it is a list.
        int32_t note, first;
        uint64_t seen;
        int is_list;
    } levels[34], level = {0, 0, 0, 0};
    int depth = 1;
    int32_t count = 0, unchecked = 0;
    long size = 0, steps = 0, p = start + 1;
    if (end - p < 1) return -1;
    if (base[p] == '}') {
        item->count = item->unchecked = 0;
        item->size = 0;
        return p + 1;
    }
    for (;;) {
        // A member begins at p.
        rekey_note *note = notes + count;
        long tag;
        note->start = (int32_t)p;
        if (level.is_list) {
            if (end - p < 10 || base[p] != '{' || base[p + 1] != '"') return -1;
            note->name_end = 0;
            size += 1;
            tag = p + 2;
        } else {
            // The shortest attribute has 12 bytes, and a brace follows.
            if (end - p < 13 || base[p] != '"') return -1;
            long name_end = rekey_next_special(marks, p + 1), length = name_end - p - 1;
            if (length == 0 || end - name_end < 11 || rekey_four(base + name_end) != REKEY_FOUR('"', ':', '{', '"')) return -1;
            note->name_end = (int32_t)name_end;
            uint64_t prefix = rekey_eight(base + p + 1);
            if (length < 8) prefix &= ~(~0ULL << (8 * length));
            uint64_t group = 1ULL << (prefix * 0x9E3779B97F4A7C15 >> 58);
            // A name of a group that none was in is new.
            if ((level.seen & group) && rekey_is_repeated(item, level.first, count, &steps)) return -1;
            level.seen |= group;
            size += length + (depth > 1);
            tag = name_end + 4;
        }
        // The shortest value goes on by `S":""}`, and a byte follows.
        if (end - tag < 8 || depth > 32) return -1;
        count++;
        long content = tag + 4, content_end;
        uint8_t flags = 0, type;
        switch (rekey_four(base + tag)) {
        case REKEY_FOUR('S', '"', ':', '"'): {
            type = rekey_string;
            content_end = rekey_next_special(marks, content);
            long added = 0;
            if (content_end >= end) return -1;
            if (base[content_end] != '"') {
                content_end = rekey_long_string_end(item, content_end, &flags, &added);
                if (content_end < 0) return -1;
            }
            size += content_end - content - added;
            p = content_end + 1;
            break;
        }
        case REKEY_FOUR('N', '"', ':', '"'):
            type = rekey_number;
            content_end = rekey_next_special(marks, content);
            if (content_end >= end || base[content_end] != '"') return -1;
            flags = rekey_number_flags(base, content, content_end, end);
            p = content_end + 1;
            break;
        case REKEY_FOUR('B', '"', ':', '"'):
            type = rekey_binary;
            content_end = rekey_next_special(marks, content);
            if (content_end >= end || base[content_end] != '"') return -1;
            flags = rekey_unchecked;
            p = content_end + 1;
            break;
        case REKEY_FOUR('B', 'O', 'O', 'L'): {
            type = rekey_boolean;
            if (end - tag < 12) return -1;
            uint64_t rest = rekey_eight(base + tag + 4);
            content = tag + 6;
            if ((rest & 0xFFFFFFFFFFFFFF) == 0x7D657572743A22) content_end = content + 4;
            else if (rest == 0x7D65736C61663A22) content_end = content + 5;
            else return -1;
            size += 1;
            p = content_end;
            break;
        }
        case REKEY_FOUR('N', 'U', 'L', 'L'):
            type = rekey_null;
            if (end - tag < 12 || (rekey_eight(base + tag + 4) & 0xFFFFFFFFFFFFFF) != 0x7D657572743A22) return -1;
            content = tag + 6;
            content_end = content + 4;
            size += 1;
            p = content_end;
            break;
        case REKEY_FOUR('M', '"', ':', '{'):
        case REKEY_FOUR('L', '"', ':', '['): {
            int is_list = base[tag] == 'L';
            note->type = is_list ? rekey_list : rekey_map;
            note->flags = 0;
            note->content = (int32_t)(tag + 3);
            size += 3;
            levels[depth++] = level;
            level.note = count - 1;
            level.first = count;
            level.seen = 0;
            level.is_list = is_list;
            p = tag + 4;
            if (base[p] != (is_list ? ']' : '}')) continue;
            p++;
            goto closed;
        }
        case REKEY_FOUR('S', 'S', '"', ':'):
        case REKEY_FOUR('N', 'S', '"', ':'):
        case REKEY_FOUR('B', 'S', '"', ':'): {
            type = base[tag] == 'S' ? rekey_string_set : base[tag] == 'N' ? rekey_number_set : rekey_binary_set;
            flags = rekey_unchecked;
            if (base[content] != '[') return -1;
            p = content;
            do {
                p++;
                long added = 0, first = p + 1;
                if (end - p < 4 || base[p] != '"') return -1;
                p = rekey_next_special(marks, first);
                if (p >= end) return -1;
                if (base[p] != '"') p = rekey_long_string_end(item, p, &flags, &added);
                if (p < 0) return -1;
                if (type == rekey_string_set) size += p - first - added;
                p++;
            } while (p < end && base[p] == ',');
            if (p >= end || base[p] != ']') return -1;
            content_end = ++p;
            break;
        }
        default: return -1;
        }
        if (p >= end || base[p] != '}') return -1;
        p++;
        unchecked += (flags & rekey_unchecked) != 0;
        note->type = type;
        note->flags = flags;
        note->content = (int32_t)content;
        note->content_end = (int32_t)content_end;
        note->end = (int32_t)p;
        note->next = count;
        for (;;) {
            if (p >= end) return -1;
            uint8_t byte = base[p++];
            if (byte == ',') break;
            if (byte != (level.is_list ? ']' : '}')) return -1;
            if (depth == 1) {
                item->count = count;
                item->unchecked = unchecked;
                item->size = size;
                return p;
            }
        closed:
            if (p >= end || base[p] != '}') return -1;
            note = notes + level.note;
            note->content_end = (int32_t)p;
            note->end = (int32_t)++p;
            note->next = count;
            level = levels[--depth];
        }
    }
}

#undef REKEY_FOUR

#endif
