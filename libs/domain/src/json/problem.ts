import type { RejectCode } from '../wire/batch-header.ts'

/**
 * What the byte writers find wrong with a value. They return the position after what they wrote, which is never
 * negative, or one of these.
 */
export const nulCharacter = -1
export const textInvalid = -2
export const jsonInvalid = -3
export const jsonNotObject = -4
export const jsonTooDeep = -5
export const jsonTooWide = -6
export const decimalInvalid = -7

export const nestedDepthMax = 64
export const nestedEntriesMax = 255

/** The reject that a problem becomes. */
export function describeProblem(problem: number): { code: RejectCode; message: string } {
  switch (problem) {
    case nulCharacter:
      return {
        code: 'nul_character',
        message: 'The text holds a NUL character (U+0000), which no destination can store.',
      }
    case textInvalid:
      return {
        code: 'value_invalid',
        message: 'The text is not valid Unicode: malformed UTF-8 or half of a surrogate pair.',
      }
    case jsonInvalid:
      return { code: 'json_invalid', message: 'The text is not valid JSON.' }
    case jsonNotObject:
      return { code: 'json_not_object', message: 'The JSON properties must be an object, such as {"plan":"pro"}.' }
    case jsonTooDeep:
      return { code: 'too_deep', message: `The JSON value is nested more than ${nestedDepthMax} levels deep.` }
    case jsonTooWide:
      return {
        code: 'too_many_properties',
        message: `A nested object or list has more than ${nestedEntriesMax} entries.`,
      }
    case decimalInvalid:
      return { code: 'value_invalid', message: 'The text of the decimal is not a number.' }
    default:
      throw new Error(`no problem has the number ${problem}`)
  }
}
