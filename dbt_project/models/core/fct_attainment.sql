-- One row per pupil, key stage, academic year and subject. The pupil is the one child that holds the UPN, where the
-- birth date is one that a source gives of that child, or is not given.
with holders as (
    select
        person.upn,
        min(anchor.child_id) as child_id,
        list(person.birth_date) filter (where person.birth_date is not null) as birth_dates
    from {{ ref('identity__person') }} as person
    inner join {{ ref('identity__anchor') }} as anchor
        on person.anchor_kind = anchor.anchor_kind and person.anchor = anchor.anchor
    where person.upn is not null and person.anchor_kind in ('case', 'upn')
    group by person.upn
    having min(anchor.child_id) = max(anchor.child_id)
)

select
    record.academic_year,
    record.academic_year_start_date,
    record.key_stage,
    record.upn,
    holders.child_id,
    record.urn,
    record.subject,
    record.result,
    record.points,
    record.is_expected_standard_met,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_attainment__result') }} as record
cross join {{ source('landing', 'run') }}
-- left: a pupil who left before the censuses at hand is no child of the warehouse
left join holders
    on record.upn = holders.upn and coalesce(list_contains(holders.birth_dates, record.birth_date), true)
where {{ begun_by_as_at('(record.academic_year_start_date + interval 10 month)') }}
