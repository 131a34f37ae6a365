SELECT TO_VARCHAR("ID") AS c0, "NAME" AS c1, TO_VARCHAR(DATE_PART(epoch_microsecond, "AT")) AS c2
FROM "ANALYTICS"."SHOP"."visits ""v"""
LIMIT 50
