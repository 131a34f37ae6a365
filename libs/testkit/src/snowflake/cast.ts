import { duckTypeOf, type SnowflakeType } from './types.ts'

/** SQL for a value cast as Snowflake casts it; `isTry` gives NULL where that fails. */
export function castSql(value: string, type: SnowflakeType, isTry = false): string {
  const cast = isTry ? 'TRY_CAST' : 'CAST'
  switch (type.name) {
    case 'TEXT':
      return `sf_text_of(${value})`
    case 'VARIANT':
      return `sf_variant_of(${value})`
    case 'ARRAY':
      return `sf_array_of(${value})`
    case 'OBJECT':
      return `sf_object_of(${value})`
    case 'TIMESTAMP_NTZ':
      return `sf_ntz_of(${value})`
    case 'TIMESTAMP_LTZ':
      return `sf_ltz_of(${value})`
    case 'TIMESTAMP_TZ':
      return `sf_tz_of(${value})`
    case 'BINARY':
      return `unhex(sf_text_of(${value}))`
    default:
      return `${cast}(sf_text_of(${value}) AS ${duckTypeOf(type)})`
  }
}
