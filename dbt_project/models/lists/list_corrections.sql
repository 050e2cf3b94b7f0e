-- One row per correction that is laid over a landed cell: what the source says, what stands instead, who said so.
-- A correction whose cell the source has changed since is not laid over it, and is not here.
-- Where there are none, as on most nights, no record is looked through for their children.
with corrected_records as (
    select distinct
        extract,
        table_name,
        record_id
    from {{ source('landing', 'correction') }}
),

children as (
    {% if has_rows(source('landing', 'correction')) | trim %}
        select
            record.extract,
            record.table_name,
            record.record_id,
            min(record.child_id) as child_id
        from {{ ref('identity__record_child') }} as record
        inner join corrected_records
            on
                record.extract = corrected_records.extract
                and record.table_name = corrected_records.table_name
                and record.record_id = corrected_records.record_id
        group by record.extract, record.table_name, record.record_id
    {% else %}
        select
            extract,
            table_name,
            record_id,
            null::varchar as child_id
        from corrected_records
    {% endif %}
)

select
    correction.correction_id,
    correction.extract,
    correction.table_name,
    correction.record_id,
    children.child_id,
    correction.column_name,
    correction.landed_value,
    correction.value as corrected_value,
    correction.reason,
    correction.until_date,
    correction.proposed_by,
    correction.approved_by,
    correction.approved_at,
    correction.source_file,
    correction.source_row
from {{ source('landing', 'correction') }} as correction
-- left: not every landed record is a child's
left join children
    on
        correction.extract = children.extract
        and correction.table_name = children.table_name
        and correction.record_id = children.record_id
where correction.is_applied
order by correction.extract, correction.table_name, correction.record_id, correction.column_name
