/*
 * Characters that show nothing, and words that pose as the server's.
 *
 * What strangers wrote is judged here, as the server judges it for its logs and for terminals: the tables are those of
 * `chat::unseen` and `chat::imitation`, and a test holds them together. The reasons stand there.
 */

/** Of which nothing is seen: first and last of each range. */
const UNSEEN = [
  [0xad, 0xad], [0x34f, 0x34f], [0x61c, 0x61c], [0x115f, 0x1160], [0x17b4, 0x17b5], [0x180b, 0x180f],
  [0x200b, 0x200f], [0x2028, 0x202e], [0x2060, 0x206f], [0x2800, 0x2800], [0x3164, 0x3164], [0xfdd0, 0xfdef],
  [0xfe00, 0xfe0f], [0xfeff, 0xfeff], [0xffa0, 0xffa0], [0xfff0, 0xfffb], [0x13430, 0x1343f],
  [0x16fe4, 0x16fe4], [0x1bca0, 0x1bca3], [0x1d159, 0x1d159], [0x1d173, 0x1d17a], [0xe0000, 0xe0fff],
];

/** Blanks other than the space bar's. */
const ODD_BLANKS = [
  [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000],
];

/** What an emoji sequence is made of. */
const PICTURES = [
  [0xa9, 0xa9], [0xae, 0xae], [0x203c, 0x203c], [0x2049, 0x2049], [0x2122, 0x2122], [0x2139, 0x2139],
  [0x2194, 0x21aa], [0x231a, 0x23ff], [0x24c2, 0x24c2], [0x25aa, 0x25fe], [0x2600, 0x27bf], [0x2934, 0x2935],
  [0x2b05, 0x2b55], [0x3030, 0x3030], [0x303d, 0x303d], [0x3297, 0x3297], [0x3299, 0x3299], [0x1f000, 0x1faff],
];

/** After one, a joiner chooses how letters meet. */
const VIRAMAS = [
  [0x94d, 0x94d], [0x9cd, 0x9cd], [0xa4d, 0xa4d], [0xacd, 0xacd], [0xb4d, 0xb4d], [0xbcd, 0xbcd],
  [0xc4d, 0xc4d], [0xccd, 0xccd], [0xd3b, 0xd3c], [0xd4d, 0xd4d], [0xdca, 0xdca], [0x1039, 0x103a],
  [0x1714, 0x1714], [0x17d2, 0x17d2], [0x1b44, 0x1b44],
];

/** Between one of these and one of the next, a non-joiner is seen. */
const JOINING_ON = [
  [0x620, 0x620], [0x626, 0x626], [0x628, 0x628], [0x62a, 0x62e], [0x633, 0x63f], [0x641, 0x647],
  [0x649, 0x64a], [0x678, 0x687], [0x69a, 0x6bf], [0x6c1, 0x6c2], [0x6cc, 0x6cc], [0x6ce, 0x6ce],
  [0x6d0, 0x6d1], [0x6fa, 0x6fc],
];

const JOINING_BACK = [
  [0x620, 0x620], [0x622, 0x63f], [0x641, 0x64a], [0x671, 0x673], [0x675, 0x6d3], [0x6d5, 0x6d5],
  [0x6fa, 0x6fc],
];

/** The flags that are spelt with tags behind a black flag. */
const TAG_FLAGS = ["gbeng", "gbsct", "gbwls"];

/** Letters that look like Latin ones, each behind the one that it looks like. */
const LOOKALIKES = "aаaαeеeєoоoοpрcсyуxхiіiıjјsѕsſhһdԁgɡvνtтmмkкnпuυwѡqԛlӏbь";

/** Words that every sentence of the server's has some of. */
const SENTENCES = [
  "has joined the chat at lamport time",
  "has left the chat at lamport time",
  "[lamport time",
  "the text is empty",
  "the name is empty",
  "characters; 1 to ",
  "holds the control character",
  "too many messages",
  "the first message of a stream must be",
  "this stream is connected already",
  "is not one that a participant sends",
  "the client_reference is",
  "is not yours; your certificate or token",
  "of which nothing is seen there",
  "which looks like a space; of these only",
  "nothing can be seen of the name",
  "the name begins or ends with a blank",
  "the name is the server's",
  "is not usable; at most",
  "0 to 65535 are allowed",
  "is present already; choose another",
  "the room is full",
  "too many participants come",
  "the server is stopping",
  "the bytes are not a proto.message",
  "the message is too large",
  "a lamport time is never negative",
  "too far ahead of the server's clock",
];

const CONTROL = /\p{Cc}/u;

/** Whether a code point is in a table of ranges. */
const isIn = (table, code) => table.some(([first, last]) => first <= code && code <= last);

/** How many tags spell a flag from a place in the text on. */
function tags(all, from) {
  for (const flag of TAG_FLAGS) {
    const spelt = [...flag].map((letter) => 0xe0000 + letter.charCodeAt(0)).concat(0xe007f);
    if (spelt.every((tag, at) => all[from + at]?.codePointAt(0) === tag)) return spelt.length;
  }
  return 0;
}

/** True of a joiner or a selector that is seen in what it does, between these two. */
function works(before, code, after) {
  if (code === 0xfe0e || code === 0xfe0f) {
    return isIn(PICTURES, before) || (/^[0-9#*]$/.test(String.fromCodePoint(before)) && after === 0x20e3);
  }
  if (code === 0x200d) {
    return ((isIn(PICTURES, before) || before === 0xfe0f) && isIn(PICTURES, after)) || isIn(VIRAMAS, before);
  }
  if (code === 0x200c) return (isIn(JOINING_ON, before) && isIn(JOINING_BACK, after)) || isIn(VIRAMAS, before);
  return false;
}

/**
 * The characters of a text, each with whether nothing is seen of it there.
 * @param {string} text
 * @returns {{character: string, code: number, isHidden: boolean}[]}
 */
export function characters(text) {
  const all = [...text];
  let before = null;
  let left = 0;
  return all.map((character, at) => {
    const code = character.codePointAt(0);
    const isTag = left > 0;
    left = code === 0x1f3f4 ? tags(all, at + 1) : Math.max(0, left - 1);
    const isNone = (code & 0xfffe) === 0xfffe || (code >= 0xd800 && code <= 0xdfff);
    const doesWork = isTag || (before !== null && works(before, code, all[at + 1]?.codePointAt(0) ?? -1));
    const isHidden = CONTROL.test(character) || ((isNone || isIn(UNSEEN, code)) && !doesWork);
    before = isHidden || isIn(ODD_BLANKS, code) ? null : code;
    return { character, code, isHidden };
  });
}

/** The Latin letter that a letter looks like, or the letter itself. */
function latin(letter) {
  const at = letter.codePointAt(0) < 128 ? -1 : LOOKALIKES.indexOf(letter);
  return at > 0 ? LOOKALIKES[at - 1] : letter;
}

/** A text in the form in which texts are compared. */
function plain(text) {
  const seen = characters(text).map(({ character, code, isHidden }) => {
    if (code === 9 || isIn(ODD_BLANKS, code)) return " ";
    if (isHidden || "\"“”".includes(character)) return "";
    if (code >= 0xff01 && code <= 0xff5e) return String.fromCodePoint(code - 0xfee0);
    return character === "’" ? "'" : character;
  });
  return [...seen.join("").replace(/ +/g, " ").toLowerCase()].map(latin).join("");
}

/** True of words that read like a sentence of the server's. */
export function posesAsServer(text) {
  const words = plain(String(text ?? ""));
  return SENTENCES.some((sentence) => words.includes(sentence));
}
