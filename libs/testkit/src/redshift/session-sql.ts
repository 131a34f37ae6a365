/** What Redshift has beyond Postgres, in a schema that stands last in every search path. */
export const redshiftSchema = `
CREATE SCHEMA redshift;
GRANT USAGE ON SCHEMA redshift TO PUBLIC;
CREATE DOMAIN redshift.super AS json;
CREATE DOMAIN redshift.geometry AS text;
CREATE DOMAIN redshift.geography AS text;
CREATE DOMAIN redshift.hllsketch AS text;
CREATE DOMAIN redshift.varbyte AS bytea;

-- Texts are at most 65,535 bytes long: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
CREATE FUNCTION redshift.within_varchar(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF octet_length(x) > 65535 THEN
    RAISE EXCEPTION 'String length exceeds DDL length: Value too long for type character varying(65535)';
  END IF;
  RETURN x;
END $$;
CREATE FUNCTION redshift.sha2(x text, bits int) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE WHEN bits IN (0, 256) THEN encode(sha256(convert_to(
       CASE WHEN octet_length(x) > 65535 THEN redshift.within_varchar(x) ELSE x END, 'UTF8')), 'hex') END $$;
CREATE FUNCTION redshift.len(x text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT length(x) $$;
CREATE FUNCTION redshift.nvl(a anyelement, b anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(a, b) $$;
CREATE FUNCTION redshift.getdate() RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT now() AT TIME ZONE 'UTC' $$;
CREATE FUNCTION redshift.json_serialize(x redshift.super) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE WHEN octet_length(x::text) > 65535 THEN redshift.within_varchar(x::text) ELSE x::text END $$;
CREATE FUNCTION redshift.json_parse(x text) RETURNS redshift.super LANGUAGE sql IMMUTABLE AS $$ SELECT x::json $$;
CREATE FUNCTION redshift.datediff(part text, a timestamp, b timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE part
    WHEN 'microsecond' THEN (extract(epoch FROM b) * 1000000)::bigint - (extract(epoch FROM a) * 1000000)::bigint
    WHEN 'second' THEN extract(epoch FROM date_trunc('second', b))::bigint - extract(epoch FROM date_trunc('second', a))::bigint
    WHEN 'day' THEN (b::date - a::date)::bigint
  END $$;
CREATE FUNCTION redshift.pg_get_late_binding_view_cols() RETURNS SETOF record LANGUAGE sql AS
  $$ SELECT ''::name, ''::name, ''::name, ''::varchar, 0 WHERE false $$;

CREATE TABLE redshift.declared_keys (conrelid oid, conkey int2[]);
GRANT SELECT ON redshift.declared_keys TO PUBLIC;
CREATE VIEW redshift.pg_constraint_of_redshift AS
  SELECT conrelid, conkey, 'p'::"char" AS contype FROM redshift.declared_keys
  UNION ALL SELECT conrelid, conkey, contype FROM pg_catalog.pg_constraint;
GRANT SELECT ON redshift.pg_constraint_of_redshift TO PUBLIC;
`

/** Backslashes in texts are escapes in Redshift. */
export const sessionSettings = `
SET search_path TO "$user", public, redshift;
SET escape_string_warning TO off;
SET standard_conforming_strings TO off;
SET TimeZone TO 'UTC';
SET extra_float_digits TO 1;
`
