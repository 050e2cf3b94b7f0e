"""Names to invent people and places with. None belongs to anyone in particular."""

from __future__ import annotations

GIRLS = (
    "Aaliyah Abigail Ada Adaeze Aisha Alice Amelia Amina Ana Anaïs Anna Anya Aoife Ava Beatrice Bethany Björk "
    "Brooke Caitlín Charlotte Chiamaka Chloe Chloë Clara Daisy Darcey Darcie Diya Edith Ekaterina Eleanor Elena "
    "Eliza Elizabeth Ella Ellie Elsie Emilia Emily Emma Erin Esme Esmé Eva Evelyn Evie Faith Fatima Fatoumata "
    "Faye Florence Freya Gabriela Georgia Grace Gracie Habiba Hafsa Hannah Harper Harriet Heidi Holly Hope Imogen "
    "Inaaya Isabella Isabelle Isla Ivy Jasmine Jessica Joanna Josephine Julia Kamilė Katarzyna Khadija Kiera "
    "Lacey Laila Laura Lauren Layla Leah Lena Lily Lola Lottie Lucy Luna Lydia Maisie Małgorzata Margot Maria "
    "Martha Maryam Matilda Maya Megan Mia Mila Millie Molly Nadia Nancy Naomi Nia Niamh Nusrat Oluwaseun Olivia "
    "Orla Penelope Phoebe Poppy Priya Rebecca Renée Robyn Rose Rosie Ruby Ruth Saoirse Sara Sarah Scarlett Sienna "
    "Siân Skye Sofia Sophia Sophie Summer Tabitha Thea Tia Tilly Violet Willow Yasmin Ying Zainab Zara Zoe Zoë "
    "Zuzanna"
).split()

BOYS = (
    "Aaron Abdul Adam Adebayo Ahmed Aiden Albert Albie Alexander Alfie André Andrei Archie Arjun Arlo Arthur "
    "Ayaan Barnaby Bartosz Ben Benjamin Blake Bobby Bradley Caleb Callum Charlie Chidi Christopher Cillian Cody "
    "Connor Daniel David Dawid Dexter Dominic Dylan Edward Eesa Elias Elijah Elliot Emeka Ethan Ezra Felix Finlay "
    "Finley François Frank Frankie Freddie Frederick Gabriel George Haider Hamza Harley Harrison Harry Harvey "
    "Hassan Hayden Henry Hugo Hussain Ibrahim Idris Isaac Ismail Jack Jackson Jacob Jake Jakub James Jamie Jan "
    "Jasper Jaxon Jayden Jesse Joel John Jonah Joseph Joshua Jude Kai Kamil Kayden Kian Kofi Kwame Leo Leon Levi "
    "Lewis Liam Logan Louie Louis Luca Lucas Luis Luke Łukasz Malachi Marcus Mason Mateusz Matthew Max Mehmet "
    "Michael Milo Mohammed Muhammad Musa Myles Nathan Nathaniel Noah Nojus Olamide Oliver Ollie Oscar Otis Otto "
    "Owen Patrick Pedro Ralph Raphaël Rayyan Reece Reuben Rhys Robert Robin Roman Ronnie Rory Rowan Rupert Ryan "
    "Samuel Seán Sebastian Seth Sidney Stanley Stefan Taylor Teddy Theo Theodore Thiago Thomas Tobias Toby Tommy "
    "Tyler Vihaan William Yusuf Zachary Zion"
).split()

SURNAMES = (
    "Abbott Abdi Abubakar Adams Adebayo Adeyemi Ahmed Akhtar Ali Allen Anderson Andrews Armstrong Arnold Asante "
    "Ashton Atkinson Austin Bailey Baker Ball Banks Barber Barker Barnes Barrett Begum Bell Bennett Berry Bhatti "
    "Bishop Black Booth Boateng Bradley Brennan Briggs Brooks Brown Bryant Burke Burns Burton Butler Byrne "
    "Campbell Carpenter Carr Carroll Carter Chambers Chan Chapman Chaudhry Chen Chukwu Clark Clarke Cole Coleman "
    "Collins Cook Cooper Cox Crawford Cross Cunningham Curtis D'Arcy D'Souza Dale Daniels Davidson Davies Davis "
    "Dawson Day Dean Desai Diallo Dixon Doyle Duncan Dunn Edwards Elliott Ellis Evans Farah Ferguson Fernández "
    "Fernandes Field Fisher Fitzgerald Fletcher Ford Foster Fowler Fox Francis Franklin Fraser Freeman Gallagher "
    "García Gardner George Gibbs Gibson Gilbert Gill Gordon Graham Grant Gray Green Greenwood Gregory Griffiths "
    "Gupta Hall Hamilton Hammond Harding Hardy Harper Harris Harrison Hart Harvey Hassan Hawkins Hayes Henderson "
    "Henry Hernández Hewitt Hill Hobbs Holland Holmes Hopkins Horváth Howard Howe Hudson Hughes Hunt Hunter "
    "Hussain Ibrahim Islam Jackson Jakubowski James Jarvis Jenkins Jennings John Johnson Johnston Jones Jordan "
    "Joseph Kamara Kaur Kaya Kelly Kennedy Kerr Khan King Knight Kovács Kowalczyk Kowalski Kumar Lam Lambert Lane "
    "Lawrence Lawson Leach Lee Lewis Lewandowski Li Lloyd Long Lowe Lynch MacDonald Mahmood Malik Mann Marsh "
    "Marshall Martin Mason Matthews Mbeki McCarthy McDonald McKenzie Mehmood Mensah Mills Mistry Mitchell Mohamed "
    "Moore Moreno Morgan Morris Morrison Müller Murphy Murray N'Diaye Nash Nelson Newman Newton Nguyen Nicholson "
    "Nowak Núñez Nwosu O'Brien O'Connor O'Neill O'Sullivan Okafor Okonkwo Olsen Osei Owen Owens Palmer "
    "Papadopoulos Parker Parsons Patel Payne Pearce Pearson Pereira Perkins Perry Peters Phillips Popescu Porter "
    "Potter Powell Price Pritchard Quinn Rahman Raja Ramírez Read Rees Reid Reynolds Richards Richardson Riley "
    "Roberts Robertson Robinson Rodríguez Rogers Rose Ross Rossi Rowe Russell Ryan Sandhu Saunders Schmidt Scott "
    "Sesay Shah Sharma Sharp Shaw Shepherd Silva Simmons Simpson Singh Slater Smith Stevens Stewart Stone Sutton "
    "Szabó Tanaka Taylor Thomas Thompson Thomson Thornton Todd Tran Tucker Turner Uddin Walker Wallace Walsh "
    "Walton Wang Ward Warren Watson Watts Webb Webster Wells West Wheeler White Wiśniewski Wilkinson Williams "
    "Williamson Willis Wilson Wójcik Wong Wood Woods Wright Yılmaz Yates Young Zhang"
).split()

STREETS = (
    "Abbey Acacia Albert Ash Aspen Beacon Beech Birch Blackthorn Bluebell Brook Castle Cedar Chapel Cherry "
    "Chestnut Church Clover Copse Cricketers Daffodil Elm Fairfield Farm Fern Field Forge Fox Garden Gorse Grange "
    "Grove Hawthorn Hazel Heath Heron High Hill Holly Jubilee Kestrel Kiln King Lake Larch Lark Laurel Lavender "
    "Lime Linden Lock Maple Marsh Mead Meadow Mill Nightingale Oak Old Orchard Park Pine Poplar Primrose Priory "
    "Quarry Queen Rectory River Rookery Rose Rowan School Sedge Silver Spring Station Stone Swan Sycamore Thistle "
    "Vale Vicarage Victoria Walnut Water Well Willow Windmill Wood Yew"
).split()
STREET_KINDS = ("Road", "Street", "Lane", "Close", "Avenue", "Drive", "Way", "Gardens", "Court", "Crescent")

SAINTS = "Aidan Anne Bede Catherine Clare Cuthbert Edmund Francis Hilda Joseph Mary Peter Teresa Thérèse Thomas".split()
PLACES = (
    "Alderbrook Ashcombe Barrowfield Blackmere Bramling Brightwater Burnstead Chalkwell Coldharbour Crowhurst "
    "Deepdale Eastmarsh Elmstone Fairhaven Fenwick Foxley Glebelands Greenhythe Halewood Harefield Hartswood "
    "Highcliffe Hollowell Kingsmead Langthorne Larkfield Littlemoor Longacre Marlowe Meadowbank Millbrook "
    "Moorcroft Netherby Northwick Oakhurst Orsett Overdale Priorsfield Queensbury Ravenscote Redfern Riverside "
    "Rushmere Saltmarsh Sandpiper Shawfield Southmere Stonebridge Summerfield Thornhill Tidewell Underwood "
    "Valebrook Wakeham Westerley Whitecroft Willowbank Windmere Woodvale Wychwood Yarrowdale"
).split()

PROFESSIONALS = (
    "A. Adeyemi|B. Marsh|C. O'Hare|D. Patel|E. Lindqvist|F. Rossi|G. Thornton|H. Begum|I. Nowak|J. Carey|K. Singh|"
    "L. Farrow|M. Okoro|N. Whitlock|O. Benítez|P. Hargreaves"
).split("|")
