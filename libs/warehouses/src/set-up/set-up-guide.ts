import { type OptionProblem, pointerPart } from '../option-problem.ts'
import type { TableRef } from '../warehouse.ts'

/** What a person runs, exactly as it is to be run. */
export type SetUpStatement = {
  readonly language: 'sql' | 'shell' | 'json'
  /** Where it is run or entered: "BigQuery console", "AWS CLI". */
  readonly where: string
  readonly text: string
}

/** One step of setting a source up, in the order of doing. */
export type SetUpStep = {
  /** Checks of a connection that fail for want of this step name it: `setUpStep`. */
  readonly id: string
  readonly title: string
  /** What the test of a connection tries to see whether the step was taken; null when only a run will show. */
  readonly check: string | null
  /** `one`: the statements are several ways to the same. */
  readonly run: 'all' | 'one'
  readonly statements: readonly SetUpStatement[]
}

/** A name that goes into statements. */
export type SetUpField = {
  readonly required: boolean
  readonly description: string
  /** Taken when a field that is not required is left out; without one its steps are left out. */
  readonly default?: string
  /** What is wrong with a value, `has another form`; null when it can be used. */
  problem(value: string): string | null
}

/** Names by field. */
export type SetUpNames = Readonly<Record<string, string | undefined>>

/** Who Millrace is for the warehouse's owner; used where a warehouse asks for it. */
export type Grantee = {
  /** Of the project: the owner's role lets Millrace in under it only. */
  readonly externalId?: string | undefined
  /** ARN of Millrace's own AWS user or role; undefined when the operator has not told it. */
  readonly awsPrincipalArn?: string | undefined
}

/** How one kind of warehouse is made ready, as data: fields to ask for, and the steps that follow from them. */
export type SetUpGuide = {
  readonly fields: Readonly<Record<string, SetUpField>>
  /** What is wrong between fields that are each all right. */
  problems?(names: SetUpNames): readonly OptionProblem[]
  /** The names must be those that `readNames` gave. */
  steps(names: SetUpNames, grantee: Grantee): readonly SetUpStep[]
  /** The names of a source that exists, so that a failed check can show its statements. */
  namesOf(
    options: Readonly<Record<string, unknown>>,
    secrets: Readonly<Record<string, string>>,
    table: TableRef | undefined,
  ): Readonly<Record<string, unknown>>
}

export type NamesAnswer =
  | { readonly ok: true; readonly names: SetUpNames }
  | { readonly ok: false; readonly problems: readonly OptionProblem[] }

/** The names with defaults, or all that is wrong with them, by field. */
export function readNames(guide: SetUpGuide, asked: Readonly<Record<string, unknown>>): NamesAnswer {
  const known = Object.keys(guide.fields).join(', ')
  const problems: OptionProblem[] = []
  for (const name of Object.keys(asked)) {
    if (!Object.hasOwn(guide.fields, name))
      problems.push({ path: `/${pointerPart(name)}`, message: 'is not known', hint: `Known: ${known}.` })
  }
  const names: Record<string, string | undefined> = {}
  for (const [name, field] of Object.entries(guide.fields)) {
    const value = Object.hasOwn(asked, name) ? asked[name] : undefined
    const message = problemOf(field, value)
    if (message !== null) problems.push({ path: `/${name}`, message, hint: `${field.description}.` })
    else names[name] = (value as string | undefined) ?? field.default
  }
  if (problems.length === 0) problems.push(...(guide.problems?.(names) ?? []))
  return problems.length === 0 ? { ok: true, names } : { ok: false, problems }
}

function problemOf(field: SetUpField, value: unknown): string | null {
  if (value === undefined) return field.required ? 'is missing' : null
  return typeof value === 'string' ? field.problem(value) : 'has another form'
}

/** A field whose values have a form. */
export function formField(
  form: RegExp,
  description: string,
  more: { readonly required?: boolean; readonly default?: string } = {},
): SetUpField {
  return { required: false, description, ...more, problem: (value) => (form.test(value) ? null : 'has another form') }
}

/** A field whose values must be names as `quote` takes them; it throws for others. */
export function nameField(
  quote: (name: string) => string,
  description: string,
  more: { readonly required?: boolean; readonly default?: string } = {},
): SetUpField {
  return {
    required: false,
    description,
    ...more,
    problem(value) {
      try {
        quote(value)
        return null
      } catch {
        return 'is no name that the warehouse could have'
      }
    },
  }
}
