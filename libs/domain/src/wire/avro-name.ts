/**
 * Avro names for any text: letters, digits and '_' stay, every other character becomes `_x<hex code point>_`.
 *
 *   name    = ( letter | digit | '_' | escape )+      escaped too: a digit at the start, '_' before 'x', the
 *                                                 first '_' of a leading '__' (`__proto__` is no safe name in JavaScript)
 *   escape  = '_x' hex* '_'                           no digits: the empty text
 *
 * Each text has a name of its own, which depends on nothing but the text: a column added later renames no other one,
 * and the schema stays compatible. `Größe (cm)` becomes `Gr_xf6__xdf_e_x20__x28_cm_x29_`.
 */
export function avroName(text: string): string {
  if (text === '') return '_x_'
  let name = ''
  for (let i = 0; i < text.length; ) {
    const codePoint = text.codePointAt(i)!
    const size = codePoint > 0xffff ? 2 : 1
    const character = text.slice(i, i + size)
    const plain = /[A-Za-z0-9_]/.test(character)
    const leadingDigit = i === 0 && character >= '0' && character <= '9'
    const unsafe = character === '_' && (text[i + 1] === 'x' || (i === 0 && text[1] === '_'))
    name += plain && !leadingDigit && !unsafe ? character : `_x${codePoint.toString(16)}_`
    i += size
  }
  return name
}
