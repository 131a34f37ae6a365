import { type OptionProblem, pointerPart, problem } from './option-problem.ts'

/** An option that is a text of a known form. */
export type TextField = {
  readonly required: boolean
  readonly description: string
  readonly form: RegExp
  /** What is refused with words of its own, before the form is looked at. */
  readonly refused?: { readonly form: RegExp; readonly message: string; readonly hint: string }
}

/** All that is wrong with options that are a closed set of texts: no object, fields that are not known, missing or of another form. */
export function textFieldProblems(options: unknown, fields: Readonly<Record<string, TextField>>): OptionProblem[] {
  const names = Object.keys(fields).join(', ')
  if (!isRecord(options)) return [problem('', 'must be an object', `With the fields ${names}.`)]
  const problems: OptionProblem[] = []
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(fields, name))
      problems.push(problem(`/${pointerPart(name)}`, 'is not known', `Known: ${names}.`))
  }
  for (const [name, field] of Object.entries(fields)) {
    const found = fieldProblem(`/${name}`, field, Object.hasOwn(options, name) ? options[name] : undefined)
    if (found !== null) problems.push(found)
  }
  return problems
}

function fieldProblem(path: string, field: TextField, value: unknown): OptionProblem | null {
  const { required, description, form, refused } = field
  if (value === undefined) return required ? problem(path, 'is missing', `${description}.`) : null
  if (typeof value === 'string' && refused?.form.test(value)) return problem(path, refused.message, refused.hint)
  return typeof value === 'string' && form.test(value) ? null : problem(path, 'has another form', `${description}.`)
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
