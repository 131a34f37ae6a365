SELECT v.position, v.name, v.type, FALSE
FROM pg_get_late_binding_view_cols() AS v (schema_name NAME, view_name NAME, name NAME, type VARCHAR, position INT)
WHERE v.schema_name = 'shop' AND v.view_name = 'visits "v"'
ORDER BY 1;
