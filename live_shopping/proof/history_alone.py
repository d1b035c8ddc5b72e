"""The definitions that the features of a feed are made of, and no service.

A deployment of these has the history that models of any age of features learn from; it writes no
training sets, and knows nothing of orders.
"""

from live_shopping.definitions import (
    Category,
    Event,
    Impression,
    Seller,
    SellerAccountChange,
    SellerProfile,
    SellerStats,
    Show,
    ShowActivity,
    ShowCatalog,
    ShowListingChange,
    Viewer,
    ViewerAccountChange,
    ViewerActivity,
    ViewerCategory,
    ViewerCategoryTaste,
    ViewerProfile,
    ViewerSeller,
    ViewerSellerHistory,
)

__all__ = [
    "Category",
    "Event",
    "Impression",
    "Seller",
    "SellerAccountChange",
    "SellerProfile",
    "SellerStats",
    "Show",
    "ShowActivity",
    "ShowCatalog",
    "ShowListingChange",
    "Viewer",
    "ViewerAccountChange",
    "ViewerActivity",
    "ViewerCategory",
    "ViewerCategoryTaste",
    "ViewerProfile",
    "ViewerSeller",
    "ViewerSellerHistory",
]
