import { bodyBytesLimit, idBytesMax, profilePropertiesMax } from '@millrace/domain/mapping/limits.ts'
import { isPlaceholderId } from '@millrace/domain/mapping/placeholder-ids.ts'

/** Properties of a profile. A Map, because `__proto__` is a name like any other. */
export type Profile = Map<string, unknown>
type Values = Readonly<Record<string, unknown>>

/** Operations of https://docs.mixpanel.com/reference/profile-set and its neighbours, as they stand in an update. */
const operations = {
  $set: (profile: Profile, values: Values) => {
    for (const [name, value] of Object.entries(values)) profile.set(name, value)
  },
  $set_once: (profile: Profile, values: Values) => {
    for (const [name, value] of Object.entries(values)) if (!profile.has(name)) profile.set(name, value)
  },
  $add: (profile: Profile, values: Values) => {
    for (const [name, value] of Object.entries(values)) {
      const before = profile.get(name) ?? 0
      if (typeof value === 'number' && typeof before === 'number') profile.set(name, before + value)
    }
  },
  $append: (profile: Profile, values: Values) => {
    for (const [name, value] of Object.entries(values)) profile.set(name, [...listOf(profile.get(name)), value])
  },
  $union: (profile: Profile, values: Values) => {
    for (const [name, value] of Object.entries(values)) {
      const list = listOf(profile.get(name))
      const known = new Set(list.map((item) => JSON.stringify(item)))
      for (const item of listOf(value)) {
        const text = JSON.stringify(item)
        if (!known.has(text)) list.push(item)
        known.add(text)
      }
      profile.set(name, list)
    }
  },
  $remove: (profile: Profile, values: Values) => {
    for (const [name, value] of Object.entries(values)) {
      const list = profile.get(name)
      const text = JSON.stringify(value)
      if (Array.isArray(list))
        profile.set(
          name,
          list.filter((item) => JSON.stringify(item) !== text),
        )
    }
  },
} as const

type Operation = keyof typeof operations
const operationNames = Object.keys(operations) as Operation[]

export type ProfileUpdate = {
  readonly groupKey: string
  readonly id: string
  readonly token: string
  readonly json: string
}
export type ProfileRefusal = { readonly field: string; readonly message: string }

/**
 * Reads one update of the engage (`groups` false) or groups endpoint: several operations may stand in one. `json` is what
 * `applyUpdate` takes: the operations alone, without the token.
 */
export function readProfileUpdate(record: unknown, groups: boolean): ProfileUpdate | ProfileRefusal {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return refuse('', 'must be an object')
  const update = record as Values
  const { $token: token } = update
  if (typeof token !== 'string' || token === '') return refuse('$token', 'must be the token of a project')
  const groupKey = groups ? update.$group_key : ''
  if (typeof groupKey !== 'string' || (groups && groupKey === '')) return refuse('$group_key', 'must be a string')
  const idField = groups ? '$group_id' : '$distinct_id'
  const id = idText(update[idField])
  if (id === null || id === '') return refuse(idField, 'must be a string that is not empty')
  if (!id.isWellFormed() || id.includes('\0') || groupKey.includes('\0') || !groupKey.isWellFormed())
    return refuse(idField, 'must not have NUL characters or halves of surrogate pairs')
  const bytes = Buffer.from(id)
  if (bytes.length > idBytesMax) return refuse(idField, `must have at most ${idBytesMax} bytes`)
  if (!groups && isPlaceholderId(bytes, 0, bytes.length)) return refuse(idField, 'must not be a placeholder value')
  const found = readOperations(update)
  if ('message' in found) return found
  const json = JSON.stringify(found.kept)
  if (json.length >= bodyBytesLimit) return refuse('', `must be smaller than ${bodyBytesLimit} bytes of JSON`)
  return { groupKey, id, token, json }
}

function readOperations(update: Values): { readonly kept: Values } | ProfileRefusal {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(update)) {
    if (name === '$delete') kept.$delete = ''
    else if (name === '$unset') {
      if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
        return refuse('$unset', 'must be a list of property names')
      kept.$unset = value
    } else if ((operationNames as string[]).includes(name)) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(name, 'must be an object')
      if (Object.keys(value).length > profilePropertiesMax)
        return refuse(name, `must have at most ${profilePropertiesMax} properties`)
      if (name === '$add' && !Object.values(value).every((each) => typeof each === 'number'))
        return refuse(name, 'must have numbers only')
      kept[name] = value
    }
  }
  return Object.keys(kept).length > 0 ? { kept } : refuse('', 'must have an operation such as $set')
}

/**
 * The profile after an update, null when it is gone. Operations take effect in the order in which they stand in the
 * update; updates in the order of the log, so the latest wins for each property. May change `profile`.
 */
export function applyUpdate(profile: Profile | null, json: string): Profile | null {
  let result = profile
  for (const [name, value] of Object.entries(JSON.parse(json) as Values)) {
    if (name === '$delete') result = null
    else if (name === '$unset') for (const property of value as string[]) result?.delete(property)
    else {
      result ??= new Map()
      operations[name as Operation](result, value as Values)
    }
  }
  return result
}

export function readProfile(json: string): Profile {
  return new Map(Object.entries(JSON.parse(json) as Values))
}

export function writeProfile(profile: Profile): string {
  return JSON.stringify(Object.fromEntries(profile))
}

function idText(value: unknown): string | null {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null
}

function listOf(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? [...value] : [value]
}

function refuse(field: string, message: string): ProfileRefusal {
  return { field, message: `'${field}' is invalid: ${message}` }
}
