-- One row per person of another source who is surely a child the case system, or else the census, knows. Sure means:
-- the identifier is held by one child only on that side, and the date of birth agrees or one side does not give it.
-- A former UPN never links (after an adoption the old one must not lead to the new identity). Twins are told apart by
-- forename, since a number written on the wrong twin has the right date of birth: where any source knows two forenames
-- of one surname and birth date, the forename must be the same.
{{ config(materialized='table') }}

with namesakes as (
    select
        surname,
        birth_date
    from {{ ref('identity__linkage_record') }}
    where surname is not null and birth_date is not null
    group by surname, birth_date
    having count(distinct forename_group) > 1
),

persons as (
    select
        person.anchor_kind,
        person.anchor,
        person.upn,
        -- a pupil is known by the UPN: a former one must not come back through the ULN
        case when person.anchor_kind != 'upn' then person.uln end as uln,
        person.nhs_number,
        person.social_care_id,
        person.birth_date,
        compared.surname,
        compared.forename_group as forename,
        namesakes.surname is not null as has_twin
    from {{ ref('identity__person') }} as person
    inner join {{ ref('identity__linkage_record') }} as compared
        on person.anchor_kind = compared.anchor_kind and person.anchor = compared.anchor
    -- left: most have no twin
    left join namesakes on compared.surname = namesakes.surname and compared.birth_date = namesakes.birth_date
),

case_children as (
    select
        anchor,
        upn,
        uln,
        nhs_number,
        social_care_id,
        birth_date,
        surname,
        forename,
        has_twin
    from persons
    where anchor_kind = 'case'
),

case_identifiers as (
    select
        identifier_kind,
        identifier,
        min(anchor) as case_anchor,
        min(birth_date) as birth_date,
        min(surname) as surname,
        min(forename) as forename,
        bool_or(has_twin) as has_twin
    from (
        unpivot case_children
        on upn, uln, nhs_number, social_care_id
        into name identifier_kind value identifier
    )
    group by identifier_kind, identifier
    having count(*) = 1
),

other_identifiers as (
    select
        anchor_kind,
        anchor,
        identifier_kind,
        identifier,
        birth_date,
        surname,
        forename,
        has_twin
    from (
        unpivot persons
        on upn, uln, nhs_number, social_care_id
        into name identifier_kind value identifier
    )
    where anchor_kind != 'case'
),

found_in_cases as (
    select
        other.anchor_kind,
        other.anchor,
        min(held.case_anchor) as case_anchor,
        count(distinct held.case_anchor) as cases_found,
        string_agg(other.identifier_kind, ' and ' order by other.identifier_kind) as basis
    from other_identifiers as other
    inner join case_identifiers as held
        on
            other.identifier_kind = held.identifier_kind
            and other.identifier = held.identifier
            and (
                other.birth_date = held.birth_date
                or other.birth_date is null
                or held.birth_date is null
            )
            and {{ is_not_the_twin('other', 'held') }}
    group by other.anchor_kind, other.anchor
),

links_to_cases as (
    select
        anchor_kind,
        anchor,
        case_anchor,
        basis
    from found_in_cases
    where cases_found = 1
),

-- The UPN also joins a child of social care or a young person of the client caseload to a census pupil, where the case
-- system does not hold it.
found_as_pupils as (
    select
        other.anchor_kind,
        other.anchor,
        min(pupil.anchor) as pupil_anchor
    from persons as other
    inner join persons as pupil
        on
            other.upn = pupil.upn
            and pupil.anchor_kind = 'upn'
            and (other.birth_date = pupil.birth_date or other.birth_date is null)
            and {{ is_not_the_twin('other', 'pupil') }}
    where other.anchor_kind in ('cin', 'nccis')
    group by other.anchor_kind, other.anchor
    having count(*) = 1
),

pupils_held_once as (
    select
        anchor_kind,
        pupil_anchor,
        min(anchor) as anchor
    from found_as_pupils
    group by anchor_kind, pupil_anchor
    having count(*) = 1
),

-- The child of social care is a case by another identifier, and that case has no UPN of its own to say otherwise.
pupils_through_social_care as (
    select
        'upn' as anchor_kind,
        pupil.pupil_anchor as anchor,
        'case' as to_kind,
        in_need.case_anchor as to_anchor,
        'upn through social care' as basis
    from pupils_held_once as pupil
    inner join links_to_cases as in_need
        on pupil.anchor = in_need.anchor and pupil.anchor_kind = 'cin' and in_need.anchor_kind = 'cin'
    inner join case_children
        on in_need.case_anchor = case_children.anchor and case_children.upn is null
),

links_to_pupils as (
    select
        pupil.anchor_kind,
        pupil.anchor,
        coalesce(through.to_kind, 'upn') as to_kind,
        coalesce(through.to_anchor, pupil.pupil_anchor) as to_anchor,
        coalesce(through.basis, 'upn') as basis
    from pupils_held_once as pupil
    -- left: most pupils are linked no further
    left join pupils_through_social_care as through on pupil.pupil_anchor = through.anchor
    anti join found_in_cases
        on pupil.anchor = found_in_cases.anchor and pupil.anchor_kind = found_in_cases.anchor_kind
    anti join links_to_cases
        on pupil.pupil_anchor = links_to_cases.anchor and links_to_cases.anchor_kind = 'upn'
)

select
    anchor_kind,
    anchor,
    'case' as to_kind,
    case_anchor as to_anchor,
    basis
from links_to_cases
union all
select
    anchor_kind,
    anchor,
    to_kind,
    to_anchor,
    basis
from pupils_through_social_care
union all
select
    anchor_kind,
    anchor,
    to_kind,
    to_anchor,
    basis
from links_to_pupils
